"""Rollout: a new model takes over step by step, judged each day on what matured, and goes back by itself."""

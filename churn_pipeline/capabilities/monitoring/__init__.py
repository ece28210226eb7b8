"""Monitoring: what became of the scores, how good they were, and what moved since the champion was trained."""

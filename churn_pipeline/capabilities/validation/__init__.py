"""Validation: whether a batch may be used, and what becomes of each of its rows."""

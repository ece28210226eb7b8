"""Scores every running SaaS trial daily for its probability to convert, says why, and proves it afterwards."""

__version__ = "0.1.0"

"""The `churn` command: thin commands over jobs and services."""

from churn_pipeline.cli.main import main

__all__ = ["main"]

"""What the UI shows of a batch and of what became of it."""

from __future__ import annotations

from typing import Any

from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.batch import BatchVerdict
from churn_pipeline.orchestration.metadata import rows


def describe_batch(verdict: BatchVerdict) -> dict[str, Any]:
    """How many rows, how many bad by which rule, how much of it the suite looked at."""
    shown: dict[str, Any] = {
        "rows": verdict.rows,
        "bad rows": verdict.bad_rows,
        "expectations": verdict.expectations,
        "rows looked at by Great Expectations": verdict.looked_at,
    }
    if verdict.broken:
        shown["broken rules"] = rows(("rule", "rows"), verdict.broken.items())
    return shown


def describe_accepted(accepted: Accepted) -> dict[str, Any]:
    """The row law, with its figures."""
    return {
        "dagster/row_count": accepted.kept,
        "rows read": accepted.read,
        "rows in quarantine": accepted.quarantined,
        "exact duplicates": accepted.duplicate,
        "rows new to the lake": accepted.new,
    }

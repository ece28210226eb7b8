"""What the UI shows of a batch and of what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.batch import BatchVerdict
from churn_pipeline.capabilities.validation.data_docs import FOLDER, page_of
from churn_pipeline.capabilities.validation.expectations import Expectation
from churn_pipeline.orchestration.metadata import link, rows
from churn_pipeline.settings import Settings


def describe_batch(verdict: BatchVerdict, settings: Settings) -> dict[str, Any]:
    """How many rows, how many bad by which rule, how much of it the suite looked at, and its page."""
    shown: dict[str, Any] = {
        "rows": verdict.rows,
        "bad rows": verdict.bad_rows,
        "expectations": verdict.expectations,
        "rows looked at by Great Expectations": verdict.looked_at,
    }
    if verdict.broken:
        shown["broken rules"] = rows(("rule", "rows"), verdict.broken.items())
    if verdict.page:
        shown["data docs"] = link(f"{settings.reports_address}/{FOLDER}/{page_of(verdict)}")
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


def say_batches(verdicts: Iterable[BatchVerdict]) -> str:
    """The verdicts on several tables, the one after the other."""
    return "\n".join(str(verdict) for verdict in verdicts)


def describe_replayed(accepted: Iterable[Accepted]) -> dict[str, Any]:
    """What became of the repaired rows, table by table."""
    lines = [(a.table, a.read, a.kept, a.new, a.quarantined, a.duplicate) for a in accepted]
    headings = ("table", "rows", "kept", "new to the lake", "rejected again", "exact duplicates")
    return {"dagster/row_count": sum(line[1] for line in lines), "repaired rows": rows(headings, lines)}


def describe_expectations(found: Iterable[Expectation]) -> dict[str, Any]:
    """Every expectation with what came."""
    found = tuple(found)
    lines = [(e.table, e.kind, e.subject, e.observed, e.range.low, e.range.high, e.verdict) for e in found]
    headings = ("table", "kind", "of", "came", "at least", "at most", "verdict")
    return {"dagster/row_count": len(lines), "expectations": rows(headings, lines)}

"""What the UI shows of a day's watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.monitoring.drift import Shift
from churn_pipeline.capabilities.monitoring.performance import Performance
from churn_pipeline.capabilities.monitoring.watch import Watched
from churn_pipeline.core.metrics import Interval
from churn_pipeline.orchestration.metadata import link, picture, rows
from churn_pipeline.orchestration.pictures import drift_bars, performance_over_time
from churn_pipeline.settings import Settings

PAST = """
select as_of, auc, auc_low, auc_high from model_performance
where scored_by = 'champion' and auc is not null order by as_of desc limit 120
"""
FARTHEST = 10
"""Columns that the table of distances lists."""


def describe_performance(judged: tuple[Performance, ...], warehouse: Warehouse, settings: Settings) -> dict[str, Any]:
    """The verdict on each model, and the AUC over time."""
    if not judged:
        return {"verdict": "no score has matured yet"}
    shown: dict[str, Any] = {
        "verdict": rows(("scored by", "model", "verdict"), [(p.scored_by, p.model_version, str(p)) for p in judged])
    }
    past = sorted(warehouse.read(PAST).to_pylist(), key=lambda row: row["as_of"])
    if len(past) > 1 and settings.reports:
        areas = [Interval(row["auc"], row["auc_low"], row["auc_high"]) for row in past]
        drawn = performance_over_time([row["as_of"] for row in past], areas, bound=settings.performance_min_auc)
        shown["AUC over time"] = picture(drawn, "AUC of matured scores over time, with its interval and the bound")
    return shown


def describe_drift(watched: Watched, settings: Settings) -> dict[str, Any]:
    """The finding as a sentence, the distances as a picture, and the report to open."""
    if watched.drift is None:
        return {"finding": watched.because}
    shown: dict[str, Any] = {
        "finding": str(watched.drift),
        "compared with": f"the training data of model {watched.model_version}",
    }
    if watched.left_out:
        shown["days left out (no snapshots with all of its features)"] = watched.left_out
    if watched.report is not None:
        farthest = watched.drift.farthest
        bars = drift_bars([s.feature for s in farthest], [s.multiple for s in farthest])
        shown["report"] = link(f"{settings.reports_address}/{watched.report.name}")
        shown["share of features that drifted"] = round(watched.drift.share, 3)
        shown["distances"] = picture(bars, "How far each column moved, and how far it may by chance")
        shown["farthest"] = _table(farthest[:FARTHEST])
    return shown


def _table(shifts: Sequence[Shift]) -> Any:
    return rows(
        ("column", "distance (PSI)", "threshold", "drifted"),
        [(s.feature, f"{s.distance:.4f}", f"{s.threshold:.4f}", "yes" if s.drifted else "no") for s in shifts],
    )

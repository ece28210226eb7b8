"""What the UI shows of a day's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from churn_pipeline.capabilities.scoring.day import Day
from churn_pipeline.orchestration.metadata import counts, picture, rows
from churn_pipeline.orchestration.pictures import score_histogram
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 10


def describe_day(day: Day, settings: Settings) -> dict[str, Any]:
    """Row counts, buckets, who scored, the histogram and the first rows."""
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": day.scores.num_rows,
        "scored_by": day.by.scored_by,
        "model_version": day.by.model_version,
        "note": day.by.note or "none",
        **{f"trials {bucket}": n for bucket, n in _counted(day.scores, "score_bucket").items()},
    }
    if day.scores.num_rows:
        probabilities = day.scores["conversion_probability"].to_numpy()
        histogram = score_histogram(probabilities, thresholds=(settings.at_risk_below, settings.hot_above))
        metadata["score distribution"] = picture(histogram, f"Histogram of {day.scores.num_rows:,} scores")
        metadata["highest scores"] = _first_rows(day.scores)
    return metadata


def describe_actions(plan: pa.Table) -> dict[str, Any]:
    """How many trials get what."""
    return {"dagster/partition_row_count": plan.num_rows, **_counted(plan, "action")}


def who_scored(day: Day) -> str:
    """Who scored the day, or why the rules had to."""
    return day.by.error or day.by.note or f"scored by model {day.by.model_version}"


def _counted(table: pa.Table, column: str) -> dict[str, int]:
    return counts({row["values"]: row["counts"] for row in table[column].value_counts().to_pylist()})


def _first_rows(scores: pa.Table) -> Any:
    shown = scores.sort_by([("conversion_probability", "descending")]).slice(0, SHOWN_ROWS).to_pylist()
    return rows(
        ("trial", "day", "probability", "bucket", "first reason", "second reason"),
        [
            (
                row["trial_id"],
                row["trial_day"],
                f"{row['conversion_probability']:.2f}",
                row["score_bucket"],
                row["reason_1_words"],
                row["reason_2_words"],
            )
            for row in shown
        ],
    )

"""What the UI shows of a day's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from churn_pipeline.capabilities.scoring.day import Day
from churn_pipeline.capabilities.scoring.production import RULES
from churn_pipeline.orchestration.metadata import counts, picture, rows
from churn_pipeline.orchestration.pictures import score_histogram
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 10
BUCKETS = {"at_risk": "at risk", "middle": "in the middle", "hot": "hot"}


def describe_day(day: Day, settings: Settings) -> dict[str, Any]:
    """Row counts, who scored, buckets, the histogram, and the trials at either end."""
    counted = _counted(day.scores, "score_bucket")
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": day.scores.num_rows,
        "scored by": _scorers(day),
        **({"note": day.by.note} if day.by.note else {}),
        **{f"trials {words}": counted.get(bucket, 0) for bucket, words in BUCKETS.items()},
    }
    if day.scores.num_rows:
        probabilities = day.scores["conversion_probability"].to_numpy()
        metadata["mean probability"] = round(float(probabilities.mean()), 3)
        if settings.reports:
            histogram = score_histogram(probabilities, thresholds=(settings.at_risk_below, settings.hot_above))
            metadata["score distribution"] = picture(histogram, f"Histogram of {day.scores.num_rows:,} scores")
        metadata["highest scores"] = _first_rows(day.scores, "descending")
        metadata["lowest scores"] = _first_rows(day.scores, "ascending")
    return metadata


def describe_both(said: pa.Table) -> dict[str, Any]:
    """How many trials both models of a rollout scored, whose score is shown, and what they say on average."""
    metadata: dict[str, Any] = {"dagster/partition_row_count": said.num_rows, **_counted(said, "arm")}
    for name in ("champion", "canary") if said.num_rows else ():
        metadata[f"mean probability by the {name}"] = round(float(said[f"{name}_probability"].to_numpy().mean()), 3)
    return metadata


def describe_actions(plan: pa.Table) -> dict[str, Any]:
    """How many trials get what."""
    return {"dagster/partition_row_count": plan.num_rows, **_counted(plan, "action")}


def by_the_champion(day: Day) -> bool:
    """Whether a model scored that is the day's own: neither the rules nor one that stepped in."""
    return day.by.scored_by != RULES and day.by.stepped_in is None


def who_scored(day: Day) -> str:
    """Who scored the day, or why another had to."""
    return day.by.error or day.who.failed or day.by.note or f"scored by model {day.by.model_version}"


def _scorers(day: Day) -> str:
    champion = "the rules" if day.by.scored_by == RULES else f"model {day.by.model_version}, the {day.by.scored_by}"
    if day.who.canary is None:
        return f"{champion}; the canary could not" if day.who.failed else champion
    return f"{champion}; {day.who.share:.0%} of the trials by model {day.who.canary.model_version}, the canary"


def _counted(table: pa.Table, column: str) -> dict[str, int]:
    return counts({row["values"]: row["counts"] for row in table[column].value_counts().to_pylist()})


def _first_rows(scores: pa.Table, order: Literal["ascending", "descending"]) -> Any:
    import pyarrow.compute as pc

    keys = [("conversion_probability", order), ("trial_id", "ascending")]
    places = pc.select_k_unstable(scores, k=SHOWN_ROWS, sort_keys=keys).to_pylist()
    # row by row: to take them at once would lay whole columns side by side in memory
    shown = [row for place in places for row in scores.slice(place, 1).to_pylist()]
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

"""How long ago."""

from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import DAYS


def hours(microseconds: str) -> str:
    """SQL: whole microseconds as hours; whole until here, so that every engine agrees to the last bit."""
    return f"cast({microseconds} as double) / 3600000000.0"


RECENCY = (
    Feature(
        name="hours_since_last_event",
        family="recency",
        meaning="Hours from the last event to the snapshot.",
        over=DAYS,
        sql=hours("any_value(now) - max(last_at)"),
        says="last seen {value:.0f} hours ago",
        unit="hours",
        absent="nothing done yet",
    ),
    Feature(
        name="first_event_at",
        family="recency",
        meaning="When the first event happened.",
        over=DAYS,
        sql="min(first_at)",
        says="",
        unit="microseconds",
        absent="nothing done yet",
        hidden=True,
    ),
    Feature(
        name="hours_to_first_event",
        family="recency",
        meaning="Hours from the start of the trial to the first event.",
        sql=hours("first_event_at - began"),
        says="began {value:.1f} hours after the start",
        unit="hours",
        absent="nothing done yet",
    ),
    Feature(
        name="hours_between_active_days",
        family="recency",
        meaning="Mean hours between active days.",
        over=DAYS,
        sql=f"({hours('max(last_at) - min(first_at)')}) / nullif(count(*) - 1, 0)",
        says="comes back every {value:.0f} hours",
        unit="hours",
        absent="active on fewer than two days",
    ),
)

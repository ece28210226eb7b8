"""How long ago."""

from churn_pipeline.contracts.features.feature import Feature


def hours(later: str, earlier: str) -> str:
    """SQL: hours between two instants, through integer microseconds so that every engine agrees to the last bit."""
    return f"cast(epoch_us({later}) - epoch_us({earlier}) as double) / 3600000000.0"


RECENCY = (
    Feature(
        name="hours_since_last_event",
        family="recency",
        meaning="Hours from the last event to the snapshot.",
        sql=hours("any_value(as_of)", "max(occurred_at)"),
        says="last seen {value:.0f} hours ago",
        unit="hours",
        absent="nothing done yet",
    ),
    Feature(
        name="hours_to_first_event",
        family="recency",
        meaning="Hours from the start of the trial to the first event.",
        sql=hours("min(occurred_at)", "any_value(started_at)"),
        says="began {value:.1f} hours after the start",
        unit="hours",
        absent="nothing done yet",
    ),
    Feature(
        name="hours_between_active_days",
        family="recency",
        meaning="Mean hours between active days.",
        sql=f"({hours('max(occurred_at)', 'min(occurred_at)')}) "
        "/ nullif(count(distinct cast(occurred_at as date)) - 1, 0)",
        says="comes back every {value:.0f} hours",
        unit="hours",
        absent="active on fewer than two days",
    ),
)

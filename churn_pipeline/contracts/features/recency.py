"""How long ago."""

from churn_pipeline.contracts.features.expressions import hours
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.grains import DAYS, FEATURES_USED

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
        name="hours_to_first_event",
        family="recency",
        meaning="Hours from the start of the trial to the first event.",
        over=DAYS,
        sql=hours("min(first_at) - any_value(began)"),
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
    Feature(
        name="silence_against_habit",
        family="recency",
        meaning="Time since the last event as a multiple of the mean time between active days.",
        sql="hours_since_last_event / nullif(hours_between_active_days, 0)",
        says="silent for {value:.1f} times the usual pause",
        unit="times",
        absent="active on fewer than two days",
    ),
    Feature(
        name="hours_since_new_feature",
        family="recency",
        meaning="Hours since a product feature was used for the first time.",
        over=FEATURES_USED,
        sql=hours("any_value(now) - max(first_at)"),
        says="last tried something new {value:.0f} hours ago",
        unit="hours",
        absent="no product feature used yet",
    ),
)

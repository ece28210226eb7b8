"""How much was done."""

from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.features.grains import DAYS, NAMES


def _events(days: int) -> Feature:
    return Feature(
        name=f"events_{days}d",
        family="volume",
        meaning=f"Events in the {days} days before the snapshot." if days > 1 else "Events in the last 24 hours.",
        over=DAYS,
        sql=f"sum(n) filter (day >= today - {days})",
        says=f"{{value:.0f}} actions in the last {days} days"
        if days > 1
        else "{value:.0f} actions in the last 24 hours",
        unit="events",
        window=f"{days} d",
    )


VOLUME = (
    Feature(
        name="events_total",
        family="volume",
        meaning="Events since the trial started.",
        over=DAYS,
        sql="sum(n)",
        says="{value:.0f} actions since the trial started",
        unit="events",
    ),
    _events(1),
    _events(3),
    _events(7),
    Feature(
        name="active_days",
        family="volume",
        meaning="Days with at least one event.",
        over=DAYS,
        sql="count(*)",
        says="active on {value:.0f} days",
        unit="days",
    ),
    Feature(
        name="active_days_7d",
        family="volume",
        meaning="Days with at least one event among the seven before the snapshot.",
        over=DAYS,
        sql="count(*) filter (day >= today - 7)",
        says="active on {value:.0f} of the last 7 days",
        unit="days",
        window="7 d",
    ),
    Feature(
        name="active_share",
        family="volume",
        meaning="Active days as a share of the days of the trial so far.",
        sql="active_days / greatest(trial_day, 1)",
        says="active on {value:.0%} of the days so far",
        unit="share",
    ),
    Feature(
        name="value_total",
        family="volume",
        meaning="Sum of the numbers that events carry, each to six digits after the point and at most 1e12 in size.",
        over=DAYS,
        sql="sum(millionths) / 1e6",
        says="a total value of {value:,.2f}",
        absent="no event carried a number",
        also_needs=("events.value",),
    ),
    Feature(
        name="value_mean",
        family="volume",
        meaning="Mean of the numbers that events carry.",
        over=DAYS,
        sql="sum(millionths) / 1e6 / nullif(sum(carried), 0)",
        says="a mean value of {value:,.2f} an action",
        absent="no event carried a number",
        also_needs=("events.value",),
    ),
)

EVENTS_BY_NAME = NamedCounts(
    name="events_by_name",
    prefix="event_",
    family="volume",
    over=NAMES,
    meaning="Events of each kind since the trial started.",
    says="{value:.0f} times `{name}`",
)

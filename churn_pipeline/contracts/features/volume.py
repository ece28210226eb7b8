"""How much was done."""

from churn_pipeline.contracts.features.feature import Feature

ACTIVE_DAYS = "count(distinct cast(occurred_at as date))"


def _events(days: int) -> Feature:
    return Feature(
        name=f"events_{days}d",
        family="volume",
        meaning=f"Events in the {days} days before the snapshot." if days > 1 else "Events in the last 24 hours.",
        sql=f"count(*) filter (occurred_at >= as_of - interval {days} day)",
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
        sql="count(*)",
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
        sql=ACTIVE_DAYS,
        says="active on {value:.0f} days",
        unit="days",
    ),
    Feature(
        name="active_days_7d",
        family="volume",
        meaning="Days with at least one event among the seven before the snapshot.",
        sql=f"{ACTIVE_DAYS} filter (occurred_at >= as_of - interval 7 day)",
        says="active on {value:.0f} of the last 7 days",
        unit="days",
        window="7 d",
    ),
    Feature(
        name="active_share",
        family="volume",
        meaning="Active days as a share of the days of the trial so far.",
        sql=f"{ACTIVE_DAYS} / greatest(any_value(trial_day), 1)",
        says="active on {value:.0%} of the days so far",
        unit="share",
    ),
    Feature(
        name="value_total",
        family="volume",
        meaning="Sum of the numbers that events carry.",
        # in order: a sum of doubles in whatever order the threads come differs in its last bits from run to run
        sql="sum(value order by value)",
        says="a total value of {value:,.2f}",
        absent="no event carried a number",
        needs=("events.value",),
    ),
    Feature(
        name="value_mean",
        family="volume",
        meaning="Mean of the numbers that events carry.",
        sql="avg(value order by value)",
        says="a mean value of {value:,.2f} an action",
        absent="no event carried a number",
        needs=("events.value",),
    ),
)

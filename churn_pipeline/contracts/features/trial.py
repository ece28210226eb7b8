"""What is known of the trial itself, and what was done to it."""

from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.recency import hours


def _segment(column: str, says: str) -> Feature:
    return Feature(
        name=column,
        family="segment",
        meaning=f"`{column}` of the trial as known at the snapshot.",
        sql=column,
        says=says,
        source="trial",
        kind="category",
        absent="not known",
        needs=(f"trials.{column}",),
    )


TRIAL = (
    Feature(
        name="trial_day",
        family="clock",
        meaning="Midnights passed since the trial started.",
        sql="trial_day",
        says="day {value:.0f} of the trial",
        source="trial",
        unit="days",
    ),
    Feature(
        name="days_left",
        family="clock",
        meaning="Planned days of the trial that are left.",
        sql="trial_days - trial_day",
        says="{value:.0f} days of the trial left",
        source="trial",
        unit="days",
    ),
    Feature(
        name="started_weekday",
        family="clock",
        meaning="Weekday of the start, Monday = 1.",
        sql="isodow(started_at)",
        says="started on weekday {value:.0f} (Monday is 1)",
        source="trial",
    ),
    Feature(
        name="started_hour",
        family="clock",
        meaning="Hour of the day (UTC) of the start.",
        sql="hour(started_at)",
        says="started at {value:.0f} o'clock UTC",
        source="trial",
        unit="hours",
    ),
    _segment("plan", "on plan {value}"),
    _segment("channel", "came by {value}"),
    _segment("sector", "in sector {value}"),
    _segment("country", "from {value}"),
    Feature(
        name="company_size",
        family="segment",
        meaning="Employees of the account as known at the snapshot.",
        sql="company_size",
        says="{value:,.0f} employees",
        source="trial",
        unit="people",
        absent="not known",
        needs=("trials.company_size",),
    ),
)

TOUCHES = (
    Feature(
        name="touches_total",
        family="touches",
        meaning="Times the company contacted the trial.",
        sql="count(*)",
        says="contacted {value:.0f} times",
        source="touch",
        unit="touches",
        needs=("touches.touch_id",),
    ),
    Feature(
        name="hours_since_last_touch",
        family="touches",
        meaning="Hours from the last contact to the snapshot.",
        sql=hours("any_value(as_of)", "max(sent_at)"),
        says="last contacted {value:.0f} hours ago",
        source="touch",
        unit="hours",
        absent="never contacted",
        needs=("touches.touch_id",),
    ),
)

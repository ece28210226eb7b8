"""What is known of the trial itself."""

from churn_pipeline.contracts.features.feature import Feature


def _segment(column: str, says: str) -> Feature:
    return Feature(
        name=column,
        family="segment",
        meaning=f"`{column}` of the trial as known at the snapshot.",
        sql=column,
        says=says,
        kind="category",
        window="",
        absent="not known",
        also_needs=(f"trials.{column}",),
    )


TRIAL = (
    Feature(
        name="trial_day",
        family="clock",
        meaning="Midnights passed since the trial started.",
        sql="trial_day",
        says="day {value:.0f} of the trial",
        unit="days",
        window="",
    ),
    Feature(
        name="days_left",
        family="clock",
        meaning="Planned days of the trial that are left.",
        sql="trial_days - trial_day",
        says="{value:.0f} days of the trial left",
        unit="days",
        window="",
    ),
    Feature(
        name="started_weekday",
        family="clock",
        meaning="Weekday of the start, Monday = 1.",
        sql="isodow(started_at)",
        says="started on weekday {value:.0f} (Monday is 1)",
        window="",
    ),
    Feature(
        name="started_hour",
        family="clock",
        meaning="Hour of the day (UTC) of the start.",
        sql="hour(started_at)",
        says="started at {value:.0f} o'clock UTC",
        unit="hours",
        window="",
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
        unit="people",
        window="",
        absent="not known",
        also_needs=("trials.company_size",),
    ),
)

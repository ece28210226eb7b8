"""How much of the trial falls on working days."""

from churn_pipeline.contracts.features.feature import Feature


def _working_days(start: str, days: str) -> str:
    """SQL: Mondays to Fridays among so many days from a date on."""
    return f"len([1 for d in range(0, greatest({days}, 0)) if isodow({start} + cast(d as integer)) < 6])"


CALENDAR = (
    Feature(
        name="working_days_so_far",
        family="calendar",
        meaning="Mondays to Fridays from the day of the start to the day before the snapshot.",
        sql=_working_days("cast(started_at as date)", "trial_day"),
        says="{value:.0f} working days so far",
        unit="days",
        window="",
    ),
    Feature(
        name="working_days_left",
        family="calendar",
        meaning="Mondays to Fridays among the planned days that are left.",
        sql=_working_days("cast(as_of as date)", "trial_days - trial_day"),
        says="{value:.0f} working days left",
        unit="days",
        window="",
    ),
)

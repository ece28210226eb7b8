"""When things happen by themselves.

Both schedules run as soon as a daemon does; switching one off in the UI wins. For the simulated business, whose time
ends with setting `demo_until`, they ask for nothing after that day: its scores would be empty.
"""

from datetime import date

import dagster as dg

from churn_pipeline.orchestration.jobs import daily_scoring, retrain
from churn_pipeline.settings import Settings


@dg.schedule(
    job=daily_scoring,
    cron_schedule="30 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 00:30 UTC: the running trials as of the midnight just passed.",
)
def every_night(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for the scores of the day that has just begun."""
    return ask_for("scores", context.scheduled_execution_time.date(), settings)


@dg.schedule(
    job=retrain,
    cron_schedule="30 2 1 * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the first of the month at 02:30 UTC: a challenger on everything known by then.",
)
def every_month(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a challenger as of the first of the month."""
    return ask_for("retrain", context.scheduled_execution_time.date(), settings)


def ask_for(what: str, day: date, settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """A run as of the day; none where nothing can be known of it, with the reason."""
    if settings.simulated and day > settings.demo_until:
        return dg.SkipReason(
            f"the simulated business ends on {settings.demo_until}: there is nothing new to read for {day}. "
            "Name a source (CHURN_SOURCE, churn dev --source DIR), or set CHURN_DEMO_UNTIL"
        )
    return dg.RunRequest(run_key=f"{what}-{day}", partition_key=day.isoformat())


SCHEDULES = (every_night, every_month)

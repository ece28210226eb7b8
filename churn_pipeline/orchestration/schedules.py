"""When things happen by themselves."""

import dagster as dg

from churn_pipeline.orchestration.jobs import daily_scoring, retrain


@dg.schedule(
    job=daily_scoring,
    cron_schedule="30 0 * * *",
    execution_timezone="UTC",
    description="Every night at 00:30 UTC: the running trials as of the midnight just passed.",
)
def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for the scores of the day that has just begun."""
    day = context.scheduled_execution_time.strftime("%Y-%m-%d")
    return dg.RunRequest(run_key=f"scores-{day}", partition_key=day)


@dg.schedule(
    job=retrain,
    cron_schedule="30 2 1 * *",
    execution_timezone="UTC",
    description="On the first of the month at 02:30 UTC: a challenger on everything known by then.",
)
def every_month(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for a challenger as of the first of the month."""
    day = context.scheduled_execution_time.strftime("%Y-%m-%d")
    return dg.RunRequest(run_key=f"retrain-{day}", partition_key=day)


SCHEDULES = (every_night, every_month)

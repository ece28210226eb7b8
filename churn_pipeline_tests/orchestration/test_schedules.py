from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_pipeline.definitions import build
from churn_pipeline.orchestration.days import DAYS
from churn_pipeline.orchestration.schedules import SCHEDULES, every_month, every_night
from churn_pipeline.settings import Settings

pytestmark = pytest.mark.flow


def tick(schedule: dg.ScheduleDefinition, at: datetime, **given: Any) -> Any:
    """What a schedule says at a moment."""
    settings = Settings(**{"source": Path("records"), **given})
    with dg.build_schedule_context(
        scheduled_execution_time=at,
        repository_def=build(settings).get_repository_def(),
        resources={"settings": settings},
    ) as context:
        return schedule.evaluate_tick(context)


def asked(schedule: dg.ScheduleDefinition, at: datetime, **given: Any) -> dg.RunRequest:
    requests: list[dg.RunRequest] = tick(schedule, at, **given).run_requests
    (request,) = requests
    return request


def test_at_night_the_day_that_has_just_begun_is_scored() -> None:
    request = asked(every_night, datetime(2024, 5, 2, 0, 30, tzinfo=UTC))
    assert (request.partition_key, request.run_key) == ("2024-05-02", "scores-2024-05-02")


def test_on_the_first_of_the_month_a_challenger_is_asked_for() -> None:
    request = asked(every_month, datetime(2024, 6, 1, 2, 30, tzinfo=UTC))
    assert (request.partition_key, request.run_key) == ("2024-06-01", "retrain-2024-06-01")


def test_the_demo_business_is_scored_up_to_its_last_day_and_no_further() -> None:
    demo = {"source": None, "demo_until": date(2024, 5, 2)}
    assert asked(every_night, datetime(2024, 5, 2, 0, 30, tzinfo=UTC), **demo).partition_key == "2024-05-02"
    after = tick(every_night, datetime(2024, 5, 3, 0, 30, tzinfo=UTC), **demo)
    assert after.run_requests == []
    assert "the simulated business ends on 2024-05-02" in after.skip_message


def test_both_run_as_soon_as_a_daemon_does() -> None:
    assert {schedule.default_status for schedule in SCHEDULES} == {dg.DefaultScheduleStatus.RUNNING}


def test_each_schedule_has_a_job_and_says_in_utc_when() -> None:
    assert {(s.name, s.job_name, s.execution_timezone) for s in SCHEDULES} == {
        ("every_night", "daily_scoring", "UTC"),
        ("every_month", "retrain", "UTC"),
    }


def test_the_day_that_is_asked_for_at_night_is_a_partition_by_then() -> None:
    at = datetime(2024, 5, 2, 0, 30, tzinfo=UTC)
    assert "2024-05-02" in DAYS.get_partition_keys(current_time=at)[-2:]

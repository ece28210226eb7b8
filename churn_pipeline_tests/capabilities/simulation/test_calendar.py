from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, day_number, midnight, place_in_run, weekday


def test_days_and_midnights_agree() -> None:
    day = date(2026, 2, 28)
    assert midnight(day) == datetime(2026, 2, 28, tzinfo=UTC)
    assert midnight(day).timestamp() * 1_000 == day_number(day) * DAY


def test_weekdays_are_those_of_the_calendar() -> None:
    days = [date(2026, 1, 5), date(2026, 1, 11), date(1970, 1, 1)]
    assert weekday(np.array([day_number(day) for day in days])).tolist() == [day.weekday() for day in days]


def test_places_in_runs_begin_anew_with_every_run() -> None:
    assert place_in_run(np.array([1, 1, 1, 5, 5])).tolist() == [0, 1, 2, 0, 1]
    assert place_in_run(np.zeros(0, np.int64)).tolist() == []

from __future__ import annotations

import math

import pytest

from churn_pipeline_tests.looks import event, features


def test_work_spread_evenly_over_days_has_the_entropy_of_their_number() -> None:
    assert features([event(0), event(1), event(2)])["day_evenness"] == pytest.approx(math.log(3), abs=1e-6)
    assert features([event(0), event(0.1)])["day_evenness"] == 0


def test_hours_of_the_day_are_utc() -> None:
    # the trial starts at 9:30 on a Monday
    found = features([event(0), event(1), event(0.5)])
    assert found["hour_evenness"] == pytest.approx(math.log(3) - 2 / 3 * math.log(2), abs=1e-6)
    assert found["office_hours_share"] == pytest.approx(2 / 3)


def test_the_longest_gap_is_between_active_days() -> None:
    assert features([event(0), event(4), event(5)])["longest_gap_days"] == 4
    assert features([event(0), event(0.1)])["longest_gap_days"] is None


def test_without_events_nothing_is_regular() -> None:
    nothing = features()
    names = ("day_evenness", "hour_evenness", "office_hours_share", "longest_gap_days")
    assert [nothing[name] for name in names] == [None] * 4

from __future__ import annotations

import pytest

from churn_pipeline_tests.looks import event, features


def test_hours_are_counted_from_the_start_to_the_first_and_from_the_last_event_to_the_look() -> None:
    found = features([event(0.5), event(2.0)], day=3)
    assert found["hours_to_first_event"] == 12
    assert found["hours_since_last_event"] == 14.5


def test_the_gap_between_active_days_is_the_mean_of_the_gaps() -> None:
    assert features([event(0), event(1), event(4)])["hours_between_active_days"] == pytest.approx(48)


def test_one_active_day_has_no_gap_and_no_event_has_no_recency() -> None:
    assert features([event(0), event(0.2)])["hours_between_active_days"] is None
    nothing = features()
    assert nothing["hours_since_last_event"] is None
    assert nothing["hours_to_first_event"] is None


def test_silence_is_told_as_a_multiple_of_the_usual_pause() -> None:
    # active every 24 hours until 48 hours after the start, looked at 14.5 hours later
    assert features([event(0), event(1), event(2)], day=3)["silence_against_habit"] == pytest.approx(14.5 / 24)


def test_a_feature_is_new_when_it_is_first_used() -> None:
    found = features([event(0, feature="a"), event(1, feature="b"), event(2, feature="a")], day=3)
    assert found["hours_since_new_feature"] == 38.5

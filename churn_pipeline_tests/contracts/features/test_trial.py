from __future__ import annotations

from datetime import timedelta

from churn_pipeline_tests.looks import MIDNIGHT, START, features


def test_the_clock_of_a_trial_counts_midnights() -> None:
    found = features(day=10)
    assert (found["trial_day"], found["days_left"]) == (10, 4)
    assert (found["started_weekday"], found["started_hour"]) == (1, 9)


def test_segments_are_as_they_were_known_and_unknown_ones_are_null() -> None:
    found = features(plan="pro", company_size=50)
    assert (found["plan"], found["company_size"], found["sector"]) == ("pro", 50, None)


def test_a_change_that_came_later_is_not_known_yet() -> None:
    assert features(plan="pro", updated_at=MIDNIGHT + timedelta(days=20))["plan"] is None
    assert features(plan="pro", updated_at=START + timedelta(hours=1))["plan"] == "pro"

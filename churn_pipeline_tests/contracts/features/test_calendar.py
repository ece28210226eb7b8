from __future__ import annotations

from churn_pipeline_tests.looks import features


def test_working_days_are_mondays_to_fridays() -> None:
    """The trial starts on a Monday and is planned for 14 days."""
    fifth, tenth, last = features(day=5), features(day=10), features(day=14)
    assert [found["working_days_so_far"] for found in (fifth, tenth, last)] == [5, 8, 10]
    assert [found["working_days_left"] for found in (fifth, tenth, last)] == [5, 2, 0]

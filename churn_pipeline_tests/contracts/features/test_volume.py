from __future__ import annotations

from datetime import timedelta

import pytest

from churn_pipeline_tests.looks import MIDNIGHT, event, features


def test_events_are_counted_in_windows_that_end_at_the_look() -> None:
    # day 10 begins 9 days and 14.5 hours after the start
    found = features([event(0.0), event(3.0), event(7.0), event(9.0)])
    assert [found[name] for name in ("events_total", "events_1d", "events_3d", "events_7d")] == [4, 1, 2, 3]


def test_an_event_exactly_at_the_edge_of_a_window_is_in_it_and_at_the_look_is_not() -> None:
    edge = MIDNIGHT + timedelta(days=1)
    assert features([event(0, occurred_at=edge)], day=5)["events_3d"] == 1
    assert features([event(0, occurred_at=edge - timedelta(microseconds=1))], day=5)["events_3d"] == 0
    assert features([event(0, occurred_at=edge)], day=2)["events_total"] == 0
    assert features([event(0, occurred_at=edge - timedelta(microseconds=1))], day=2)["events_total"] == 1


def test_active_days_are_days_of_the_calendar_and_their_share_is_of_the_days_so_far() -> None:
    found = features([event(0.0), event(0.1), event(1.0), event(9.0)])
    assert (found["active_days"], found["active_days_7d"]) == (3, 1)
    assert found["active_share"] == pytest.approx(0.3)


def test_on_the_first_day_the_share_of_active_days_is_of_one_day() -> None:
    assert features([event(0.1)], day=1)["active_share"] == 1


def test_values_are_summed_and_averaged_over_the_events_that_carry_one() -> None:
    found = features([event(0, value=2.0), event(1, value=4.0), event(2)])
    assert (found["value_total"], found["value_mean"]) == (6, 3)


def test_counts_of_nothing_are_zero_and_the_value_of_nothing_is_unknown() -> None:
    found = features()
    assert [found[name] for name in ("events_total", "events_7d", "active_days", "active_share")] == [0, 0, 0, 0]
    assert found["value_total"] is None

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline_tests.looks import event, features


def test_velocity_is_yesterday_minus_the_day_before() -> None:
    # the look is 9.6 days after the start: yesterday begins at 8.6, the day before at 7.6
    assert features([event(9.0), event(9.1), event(8.0)])["velocity_1d"] == 1
    assert features([event(8.0), event(8.1), event(5.0)])["velocity_1d"] == -2


def test_momentum_is_three_days_minus_the_three_before_and_older_events_do_not_count() -> None:
    assert features([event(9.0), event(4.0), event(5.0), event(0.0)])["momentum_3d"] == -1


def test_the_recent_share_is_of_all_events() -> None:
    assert features([event(9.0), event(0.0), event(0.1), event(0.2)])["recent_share"] == pytest.approx(0.25)


def test_without_events_there_is_no_movement_and_no_share() -> None:
    nothing = features()
    assert (nothing["velocity_1d"], nothing["momentum_3d"], nothing["recent_share"]) == (0, 0, None)


def test_the_trend_is_the_slope_of_the_events_of_each_day() -> None:
    days = [0, 0, 3, 9, 9, 9]
    counts = [days.count(day) for day in range(10)]
    slope = np.polyfit(np.arange(10), counts, 1)[0]
    assert features([event(day + 0.01 * n) for n, day in enumerate(days)])["trend"] == pytest.approx(slope)
    assert features([event(0)], day=1)["trend"] is None


def test_the_pace_is_against_the_mean_so_far() -> None:
    assert features([event(0), event(9.0), event(9.1)])["pace"] == pytest.approx((2 / 3) / (3 / 10))
    assert features([event(0)], day=1)["pace"] == 1


def test_momentum_of_a_week_is_against_the_week_before() -> None:
    assert features([event(9.0), event(3.0), event(0.0)])["momentum_7d"] == 1

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR
from churn_pipeline.capabilities.simulation.touches import (
    AGAIN,
    BY_POLICY,
    KIND,
    KINDS,
    Touches,
    added,
    most_added,
    planned,
    together,
    usual_touch,
)
from churn_pipeline_tests.businesses import business


def some(trial: list[int], kind: str, day: int) -> Touches:
    which = np.array(trial)
    return planned(
        1, business().population, which, np.full(len(which), KIND[kind]), np.full(len(which), day), BY_POLICY
    )


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_touch_helps_some_and_harms_others(kind: str) -> None:
    effect = business().effect[:, KIND[kind]]
    assert 0.1 < (effect < 0).mean() < 0.6
    assert effect.std() > 0.3


def test_what_a_touch_does_is_partly_seen_in_what_a_company_knows() -> None:
    drawn = business()
    calls = drawn.effect[:, KIND["cs_call"]]
    assert 0.4 < np.corrcoef(calls, drawn.population.size)[0, 1] < 0.9
    assert np.corrcoef(calls, drawn.population.openness)[0, 1] > 0.4


def test_touches_are_sent_in_working_hours_of_their_day() -> None:
    touches = some(list(range(500)), "email", 4)
    of_day = touches.sent - (business().population.start_day[touches.trial] + 4) * DAY
    assert of_day.min() >= 8 * HOUR
    assert of_day.max() < 17 * HOUR


def test_touches_stand_by_trial_and_moment_and_each_has_a_number_of_its_own() -> None:
    mixed = together(some([3, 1], "email", 9), some([1, 3], "nudge", 2), some([1], "email", 2))
    assert mixed.trial.tolist() == [1, 1, 1, 3, 3]
    assert np.all(np.diff(mixed.sent)[mixed.trial[1:] == mixed.trial[:-1]] >= 0)
    assert len(np.unique(mixed.number)) == len(mixed)


def test_a_touch_works_best_on_its_day_and_less_after_others() -> None:
    effect = np.ones_like(business().effect)
    best, late = (added(some([5], "email", day), effect)[0] for day in (10, 13))
    assert (best, late) == pytest.approx((1, np.exp(-9 / 32)))
    twice = added(together(some([5], "email", 10), some([5], "prompt", 4)), effect)
    assert twice == pytest.approx([1, AGAIN])


def test_no_series_of_touches_adds_more_than_the_most() -> None:
    effect = business().effect
    days = [planned(1, business().population, np.full(14, 8), np.full(14, k), np.arange(14), 2) for k in range(5)]
    assert added(together(*days), effect).sum() <= most_added(effect)[8]


def test_the_usual_touch_is_one_for_everybody() -> None:
    touches = usual_touch(business().population, KIND["cs_call"])
    assert np.array_equal(touches.trial, np.arange(len(business().population)))
    assert set(touches.day) == {7}
    assert len(Touches.none()) == 0

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY, NEVER, day_number
from churn_pipeline.capabilities.simulation.outcome import sent
from churn_pipeline.capabilities.simulation.policy import ARMS, call_probability
from churn_pipeline.capabilities.simulation.touches import BY_EXPERIMENT, BY_SUCCESS, KINDS, Touches
from churn_pipeline_tests.businesses import business

CONTROL = 0


def test_arms_are_drawn_in_their_shares_and_a_fifth_is_control() -> None:
    arm = business().plan.arm
    assert ARMS[CONTROL] == ("control", 0.2)
    for place, (_, share) in enumerate(ARMS):
        # four standard errors of a share of 8,000
        assert (arm == place).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 8_000))


def test_an_arm_sticks_to_its_trial_whatever_else_there_is() -> None:
    assert np.array_equal(business().plan.arm, business(base_rate=0.1, again_share=0.5).plan.arm)


def test_each_arm_gets_its_touch_and_control_none() -> None:
    plan = business().plan
    tested = plan.touches.only(plan.touches.by == BY_EXPERIMENT)
    assert np.array_equal(np.sort(tested.trial), np.flatnonzero(plan.arm != CONTROL))
    names = np.array([name for name, _ in ARMS])[plan.arm[tested.trial]]
    assert np.array_equal(names, np.array([kind.name for kind in KINDS])[tested.kind])


def test_the_experiment_tells_the_truth_and_the_calls_to_whom_they_like_do_not() -> None:
    drawn = business(trials=30_000)
    outcome = drawn.outcome(drawn.plan.touches)
    really = sent(drawn.plan.touches, outcome)
    effect = drawn.effect
    called = np.zeros(len(drawn.population), bool)
    called[really.trial[really.by == BY_SUCCESS]] = True
    arm = drawn.plan.arm
    email = [name for name, _ in ARMS].index("email")
    seen = outcome.converted[arm == email].mean() - outcome.converted[arm == CONTROL].mean()
    assert effect.shape[1] == len(KINDS)
    truth = outcome.probability[arm == email].mean() - outcome.probability[arm == CONTROL].mean()
    assert seen == pytest.approx(truth, abs=4 * np.sqrt(0.25 / 6_000 + 0.25 / 9_000))
    naive = outcome.converted[called].mean() - outcome.converted[~called].mean()
    uncalled = drawn.outcome(drawn.plan.touches.only(drawn.plan.touches.by != BY_SUCCESS))
    true = (outcome.probability - uncalled.probability)[called].mean()
    assert 0 < true < 0.5 * naive


def test_the_larger_and_busier_a_trial_the_likelier_a_call() -> None:
    people = business().population
    idle, busy = (call_probability(people, np.full(len(people), visits)) for visits in (0, 10))
    assert np.all(busy > idle)
    assert np.corrcoef(people.size, busy)[0, 1] > 0.7


def test_from_the_day_on_which_the_company_stops_nothing_is_sent_or_drawn() -> None:
    plan = business(touches_until=date(2026, 4, 1)).plan
    last = day_number(date(2026, 4, 1)) * DAY
    assert len(plan.touches) > 100
    assert plan.touches.sent.max() < last
    assert plan.assigned[plan.assigned != NEVER].max() < last


def test_a_company_may_leave_its_trials_alone() -> None:
    plan = business(touches=False).plan
    assert len(plan.touches) == len(Touches.none())
    assert np.all(plan.assigned == NEVER)

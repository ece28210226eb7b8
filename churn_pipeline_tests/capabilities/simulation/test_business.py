from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation.business import draw_business
from churn_pipeline.capabilities.simulation.touches import KIND, Touches, usual_touch
from churn_pipeline_tests.businesses import business, parameters


def test_what_the_company_does_changes_nobody_and_nothing_they_decide_by() -> None:
    left_alone = business(touches=False)
    touched = business()
    assert np.array_equal(left_alone.decisions.log_odds, touched.decisions.log_odds)
    assert np.array_equal(left_alone.decisions.moment, touched.decisions.moment)
    assert np.array_equal(left_alone.usage.received, touched.usage.received)


def test_the_same_parameters_give_the_same_business() -> None:
    one, other = draw_business(parameters(trials=300)), draw_business(parameters(trials=300))
    assert np.array_equal(one.usage.occurred, other.usage.occurred)
    assert np.array_equal(one.plan.touches.sent, other.plan.touches.sent)


def test_touches_for_some_leave_what_becomes_of_the_others() -> None:
    drawn = business()
    none = drawn.outcome(Touches.none())
    some = usual_touch(drawn.population, KIND["cs_call"]).only(np.arange(0, 8_000, 2))
    touched = drawn.outcome(some)
    assert np.array_equal(none.converted_at[1::2], touched.converted_at[1::2])
    assert np.array_equal(none.probability[1::2], touched.probability[1::2])
    assert not np.array_equal(none.converted_at, touched.converted_at)

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import MONTH
from churn_pipeline.capabilities.simulation.revenue import (
    MONTHS,
    first_mrr,
    growing,
    invoices,
    leaving,
    lifetime_value,
    versions,
)
from churn_pipeline_tests.businesses import business, parameters, people

LARGE = {"trials": 40_000}


@pytest.mark.slow
def test_the_true_value_is_what_converters_pay_in_the_end_at_every_height() -> None:
    population, outcome = people(**LARGE)
    paid = invoices(parameters(**LARGE), population, outcome)
    signed = np.where(paid.refund, -paid.amount, paid.amount) / 100
    total = np.bincount(paid.trial, weights=signed, minlength=len(population))
    value, bought = lifetime_value(parameters(**LARGE), population), np.flatnonzero(outcome.converted)
    for fifth in np.array_split(bought[np.argsort(value[bought])], 5):
        error = 4 * total[fifth].std() / np.sqrt(len(fifth))
        assert total[fifth].mean() == pytest.approx(value[fifth].mean(), abs=error)


def test_customers_leave_as_often_as_their_fit_says() -> None:
    population, outcome = people(**LARGE)
    states = versions(parameters(**LARGE), population, outcome)
    chance = leaving(population)
    left = np.zeros(len(population))
    left[states.trial[states.cancelled]] = 1
    bought = outcome.converted
    expected = 1 - (1 - chance[bought]) ** (MONTHS - 1)
    assert left[bought].mean() == pytest.approx(expected.mean(), abs=4 * np.sqrt(0.25 / bought.sum()))
    assert np.corrcoef(population.fit, chance)[0, 1] < -0.7


def test_states_begin_with_the_purchase_and_end_with_the_cancellation() -> None:
    population, outcome = people()
    states = versions(parameters(), population, outcome)
    first = states.month == 0
    assert np.array_equal(np.sort(states.trial[first]), np.flatnonzero(outcome.converted))
    assert np.array_equal(states.mrr[first], first_mrr(parameters(), population)[states.trial[first]])
    last = np.zeros(len(population), np.int64)
    np.maximum.at(last, states.trial, states.changed)
    assert np.all(states.changed[states.cancelled] == last[states.trial[states.cancelled]])
    assert np.all(states.changed == states.started + states.month * MONTH)
    assert len(np.unique(states.number)) == len(states.number)


def test_revenue_grows_for_some_and_shrinks_for_others() -> None:
    population, outcome = people()
    states = versions(parameters(), population, outcome)
    bought = first_mrr(parameters(), population)[states.trial]
    later = (states.month > 0) & ~states.cancelled
    assert (states.mrr[later] > bought[later]).sum() > 100
    assert (states.mrr[later] < bought[later]).sum() > 30
    assert np.corrcoef(population.team, growing(population))[0, 1] > 0.7


def test_a_charge_a_month_until_they_leave_and_few_are_refunded() -> None:
    population, outcome = people()
    paid = invoices(parameters(), population, outcome)
    charges = paid.only(np.flatnonzero(~paid.refund))
    assert len(np.unique(charges.trial * MONTHS + charges.month)) == len(charges.trial)
    assert paid.refund.sum() / len(charges.trial) == pytest.approx(0.02, abs=0.002)
    assert np.all(charges.paid >= outcome.converted_at[charges.trial] + charges.month * MONTH)


def test_what_one_customer_pays_depends_on_no_other() -> None:
    drawn = business()
    population, outcome = people()
    fewer = drawn.outcome(drawn.plan.touches)
    both = np.flatnonzero(outcome.converted_at == fewer.converted_at)
    one, other = (versions(parameters(), population, some) for some in (outcome, fewer))
    one, other = (some.only(np.flatnonzero(np.isin(some.trial, both))) for some in (one, other))
    assert np.array_equal(one.number, other.number)
    assert np.array_equal(one.mrr, other.mrr)

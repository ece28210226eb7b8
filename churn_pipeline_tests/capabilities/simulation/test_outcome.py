from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY
from churn_pipeline.capabilities.simulation.drift import Drift
from churn_pipeline.capabilities.simulation.outcome import FIRST_DAY, days_to_decide, sent, share_decided
from churn_pipeline.capabilities.simulation.touches import KIND, KINDS, Touches, together, usual_touch
from churn_pipeline_tests.businesses import auc, business, people


@pytest.mark.parametrize("base_rate", [0.05, 0.35, 0.8])
def test_the_mean_probability_is_the_base_rate(base_rate: float) -> None:
    _, outcome = people(base_rate=base_rate)
    assert outcome.probability.mean() == pytest.approx(base_rate, abs=1e-9)


def test_as_many_convert_as_the_truth_says_at_every_height() -> None:
    _, outcome = people()
    tenths = np.array_split(np.argsort(outcome.probability), 10)
    for tenth in tenths:
        expected = outcome.probability[tenth].mean()
        # four standard errors of 800 draws: ten looks, and a false alarm in a thousand seeds
        error = 4 * np.sqrt(expected * (1 - expected) / len(tenth))
        assert outcome.converted[tenth].mean() == pytest.approx(expected, abs=error)


def test_even_the_truth_ranks_only_as_well_as_in_real_life() -> None:
    _, outcome = people()
    assert 0.80 < auc(outcome.converted, outcome.probability) < 0.86


@pytest.mark.parametrize("grace_days", [0, 7, 40])
def test_conversions_come_from_the_third_day_to_the_end_of_grace(grace_days: int) -> None:
    population, outcome = people(grace_days=grace_days, long_share=0.3)
    took = (outcome.converted_at - population.started)[outcome.converted] / DAY
    assert took.min() >= FIRST_DAY
    assert np.all(took < (population.trial_days + grace_days)[outcome.converted])


def test_most_conversions_come_around_the_planned_end() -> None:
    population, outcome = people()
    around = (outcome.converted_at - population.ends)[outcome.converted] / DAY
    assert np.mean(np.abs(around) < 3.5) > 0.6
    assert np.mean(around < -3.5) > 0.1


def test_when_a_trial_converts_says_nothing_about_how_likely_it_was() -> None:
    population, outcome = people()
    took = (outcome.converted_at - population.started)[outcome.converted]
    # three standard errors of a correlation of 2,800 pairs
    assert abs(np.corrcoef(took, outcome.probability[outcome.converted])[0, 1]) < 0.057


def test_the_share_that_has_decided_is_the_distribution_of_the_moments() -> None:
    days = np.sort(days_to_decide(np.full(200_000, 14), 7, np.random.default_rng(3)))
    grid = np.array([2.0, 4, 7, 10, 12, 14, 15, 17, 20, 20.99])
    seen = np.searchsorted(days, grid) / len(days)
    # four standard errors of a share of 200,000
    assert np.abs(seen - share_decided(grid, np.full(len(grid), 14), 7)).max() < 0.0045
    assert share_decided(np.array([21.0]), np.array([14]), 7)[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_touch_moves_as_many_trials_as_the_truth_says(kind: str) -> None:
    drawn = business(trials=30_000)
    none = drawn.outcome(Touches.none())
    touched = drawn.outcome(usual_touch(drawn.population, KIND[kind]))
    moved = touched.converted.astype(int) - none.converted
    expected = touched.probability - none.probability
    # four standard errors of the mean of so many differences, where the touch helps and where it harms
    for part in (expected > 0, expected < 0):
        error = 4 * moved[part].std() / np.sqrt(part.sum())
        assert moved[part].mean() == pytest.approx(expected[part].mean(), abs=error)


def test_a_touch_moves_nobody_against_its_effect_and_nobody_who_has_decided() -> None:
    drawn = business()
    none = drawn.outcome(Touches.none())
    touches = usual_touch(drawn.population, KIND["cs_call"])
    touched = drawn.outcome(touches)
    helped = drawn.effect[:, KIND["cs_call"]] > 0
    assert np.all(touched.converted[helped] >= none.converted[helped])
    assert np.all(touched.converted[~helped] <= none.converted[~helped])
    decided = drawn.decisions.moment <= touches.sent
    assert 0 < decided.sum() < len(decided)
    assert np.array_equal(touched.converted_at[decided], none.converted_at[decided])


def test_further_touches_help_less_and_less() -> None:
    drawn = business()
    one = drawn.outcome(usual_touch(drawn.population, KIND["prompt"])).probability
    other = drawn.outcome(usual_touch(drawn.population, KIND["email"])).probability
    none = drawn.outcome(Touches.none()).probability
    parts = (usual_touch(drawn.population, KIND[kind]) for kind in ("prompt", "email"))
    both = drawn.outcome(together(*parts)).probability
    gained = (one > none) & (other > none)
    assert np.all(both[gained] > one[gained])
    assert (both - none)[gained].mean() < 0.85 * (one + other - 2 * none)[gained].mean()


def test_an_extension_puts_decisions_off_but_never_beyond_the_last_moment() -> None:
    drawn = business()
    none = drawn.outcome(Touches.none())
    longer = drawn.outcome(usual_touch(drawn.population, KIND["extension"]))
    both = none.converted & longer.converted
    assert np.all(longer.converted_at[both] >= none.converted_at[both])
    assert np.all(longer.converted_at[longer.converted] <= drawn.decisions.last[longer.converted])
    assert (longer.converted_at > none.converted_at)[both].mean() > 0.5


def test_nobody_is_touched_who_has_converted() -> None:
    drawn = business()
    plan = drawn.plan.touches
    outcome = drawn.outcome(plan)
    really = sent(plan, outcome)
    assert 0.9 < len(really) / len(plan) < 1
    assert np.all(really.sent < outcome.converted_at[really.trial])


def test_with_business_as_usual_as_many_convert_as_the_truth_says_at_every_height() -> None:
    drawn = business(trials=30_000)
    outcome = drawn.outcome(drawn.plan.touches)
    for tenth in np.array_split(np.argsort(outcome.probability), 10):
        expected = outcome.probability[tenth].mean()
        error = 4 * np.sqrt(expected * (1 - expected) / len(tenth))
        assert outcome.converted[tenth].mean() == pytest.approx(expected, abs=error)


def test_where_the_order_of_steps_decides_no_trait_and_no_touch_does() -> None:
    drawn = business(outcome="order_of_steps")
    none, touched = drawn.outcome(Touches.none()), drawn.outcome(usual_touch(drawn.population, 0))
    assert none.probability.mean() == pytest.approx(0.35, abs=1e-9)
    assert np.array_equal(none.converted_at, touched.converted_at)
    assert len(np.unique(none.probability.round(9))) == 2
    assert len(drawn.plan.touches) == 0


def test_a_concept_drift_takes_the_pull_of_intent_away_from_its_day_on() -> None:
    drift = Drift("concept", date(2026, 4, 1), 1.0)
    population, outcome = people(drifts=(drift,))
    before, _ = people()
    later = population.start_day >= (drift.start - date(1970, 1, 1)).days
    assert np.array_equal(before.intent, population.intent)
    pull = [np.corrcoef(population.intent[part], outcome.probability[part])[0, 1] for part in (~later, later)]
    assert pull[0] > 0.75
    assert pull[1] < 0.45


def test_a_higher_price_costs_conversions_from_its_day_on() -> None:
    drift = Drift("price", date(2026, 4, 1), 0.4)
    population, outcome = people(drifts=(drift,))
    _, usual = people()
    later = population.start_day >= (drift.start - date(1970, 1, 1)).days
    assert np.array_equal(outcome.probability[~later], usual.probability[~later])
    assert np.all(outcome.probability[later] < usual.probability[later])

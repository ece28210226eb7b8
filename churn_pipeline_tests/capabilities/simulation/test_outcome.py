from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.outcome import FIRST_DAY, probability_to_convert
from churn_pipeline.capabilities.simulation.population import DAY
from churn_pipeline_tests.businesses import auc, people


@pytest.mark.parametrize("base_rate", [0.05, 0.35, 0.8])
def test_the_mean_probability_is_the_base_rate(base_rate: float) -> None:
    population, _ = people()
    assert probability_to_convert(population, base_rate).mean() == pytest.approx(base_rate, abs=1e-9)


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

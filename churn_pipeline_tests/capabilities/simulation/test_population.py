from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY, EPOCH, weekday
from churn_pipeline.capabilities.simulation.catalogue import CHANNELS, NULLS
from churn_pipeline.capabilities.simulation.drift import Drift
from churn_pipeline.capabilities.simulation.population import draw_population, suits
from churn_pipeline_tests.businesses import parameters, people


def test_trials_start_in_order_and_within_the_span() -> None:
    population, _ = people()
    first = (parameters().first_day - EPOCH).days
    assert np.all(np.diff(population.started) >= 0)
    assert first <= population.started[0] // DAY
    assert population.started[-1] // DAY < first + parameters().days


def test_fewer_trials_start_at_weekends() -> None:
    population, _ = people()
    by_day = np.bincount(weekday(population.started // DAY), minlength=7)
    assert by_day[5:].max() < by_day[:5].min() * 0.7


def test_attributes_are_unknown_in_their_share_of_trials() -> None:
    population, _ = people()
    for name, share in NULLS.items():
        # three standard errors at 8,000 trials and a share of 0.12
        assert 1 - population.known[name].mean() == pytest.approx(share, abs=0.011), name


def test_one_in_a_hundred_objects_to_profiling() -> None:
    population, _ = people()
    assert 1 - population.consent.mean() == pytest.approx(0.01, abs=0.0035)


def test_the_product_suits_middle_sizes_best() -> None:
    one, seventy, ten_thousand = suits(np.array([1, 70, 10_000]))
    assert one < seventy
    assert ten_thousand < seventy


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_of_long_trials_is_a_choice(share: float) -> None:
    population, _ = people(long_share=share)
    assert set(population.trial_days) <= {14, 30}
    assert (population.trial_days == 30).mean() == pytest.approx(share, abs=0.014)


def test_more_trials_start_in_winter_than_in_summer() -> None:
    two_years = parameters(trials=60_000, days=730, until=date(2028, 3, 1))
    population = draw_population(two_years, np.random.default_rng(1))
    month = population.started.astype("datetime64[ms]").astype("datetime64[M]").astype(int) % 12
    assert np.isin(month, [11, 0, 1]).sum() > 1.1 * np.isin(month, [5, 6, 7]).sum()


def test_a_drift_of_the_channel_mix_brings_more_trials_without_intent_from_its_day_on() -> None:
    drift = Drift("channel_mix", date(2026, 4, 1), 1.0)
    population, _ = people(drifts=(drift,))
    later = population.start_day >= (drift.start - EPOCH).days
    ads = population.channel == [c.name for c in CHANNELS].index("paid_ads")
    assert ads[~later].mean() == pytest.approx(0.24, abs=0.02)
    assert ads[later].mean() > 0.35
    assert population.intent[later].mean() < population.intent[~later].mean() - 0.15

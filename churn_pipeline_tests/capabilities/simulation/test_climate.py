from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY
from churn_pipeline.capabilities.simulation.catalogue import SECTORS
from churn_pipeline.capabilities.simulation.climate import FIRST_LAG_DAYS, PERSISTENCE, REVISED_LAG_DAYS, draw_climate
from churn_pipeline.capabilities.simulation.touches import Touches
from churn_pipeline_tests.businesses import auc, business, parameters


def test_what_one_sector_gains_the_others_lose() -> None:
    climate = business().climate
    assert climate.climate @ np.array([s.share for s in SECTORS]) == pytest.approx(0, abs=1e-12)


def test_the_climate_goes_on_from_month_to_month() -> None:
    climate = draw_climate(parameters(days=30_000), np.random.default_rng(2)).climate
    assert np.corrcoef(climate[1:].ravel(), climate[:-1].ravel())[0, 1] == pytest.approx(PERSISTENCE, abs=0.03)


def test_every_trial_starts_in_a_month_that_exists() -> None:
    drawn = business()
    assert drawn.climate.months[0] < drawn.population.start_day.min() - 360
    assert drawn.population.start_day.max() < drawn.climate.months[-1]


def test_the_first_publication_errs_and_the_revision_comes_later() -> None:
    climate = business().climate
    for name, first in climate.first.items():
        assert np.std(first - climate.index[name]) == pytest.approx(1.5, abs=0.4)
    assert np.all(climate.published(REVISED_LAG_DAYS) - climate.published(FIRST_LAG_DAYS) == 30 * DAY)
    assert np.all(climate.published(FIRST_LAG_DAYS) > climate.months[1:] * DAY)


@pytest.mark.slow
def test_the_business_climate_tells_who_converts_and_the_vacancies_do_not() -> None:
    drawn = business(trials=30_000)
    people, climate = drawn.population, drawn.climate
    converted = drawn.outcome(Touches.none()).converted
    month = np.searchsorted(climate.months, people.start_day, side="right") - 1
    # within a sector, so that nothing but the change from month to month counts
    by_sector = {
        name: [
            auc(converted[people.sector == s], climate.index[name][month, people.sector][people.sector == s])
            for s in range(len(SECTORS))
        ]
        for name in climate.index
    }
    assert np.mean(by_sector["business_climate"]) > 0.51
    assert abs(np.mean(by_sector["vacancies"]) - 0.5) < 0.01

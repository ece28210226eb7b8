from __future__ import annotations

from datetime import date

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, NEVER
from churn_pipeline.capabilities.simulation.drift import Drift
from churn_pipeline.capabilities.simulation.visits import STAYS_DAYS, draw_visits, stays
from churn_pipeline_tests.businesses import business


def visits(**changed: object) -> tuple[object, object]:
    drawn = business(**changed)
    rng = np.random.default_rng(4)
    return drawn, draw_visits(drawn.parameters, drawn.population, drawn.decisions, drawn.effect, rng)


def test_those_who_bought_stay_for_some_days() -> None:
    bought = np.array([10 * DAY, 10 * DAY, 10 * DAY, NEVER])
    moment = np.array([9 * DAY, 10 * DAY, (10 + STAYS_DAYS) * DAY, 10 * DAY])
    assert stays(bought, moment).tolist() == [False, True, False, False]


def test_visits_that_only_buyers_make_come_after_the_end_and_by_who_may_have_bought() -> None:
    drawn, found = business(), None
    found = draw_visits(drawn.parameters, drawn.population, drawn.decisions, drawn.effect, np.random.default_rng(4))
    trial = found.trial[found.if_bought]
    assert len(trial) > 1_000
    assert np.all(found.began[found.if_bought] >= drawn.population.ends[trial])
    assert np.all(found.began[found.if_bought] >= drawn.decisions.moment[trial])
    assert len(np.unique(trial)) < len(drawn.population) * 0.8


def test_with_a_season_there_are_more_visits_in_spring_than_without() -> None:
    drift = Drift("seasonality", date(2026, 1, 5), 0.4)
    counts = []
    for drawn in (business(), business(drifts=(drift,))):
        found = draw_visits(drawn.parameters, drawn.population, drawn.decisions, drawn.effect, np.random.default_rng(4))
        month = found.began.astype("datetime64[ms]").astype("datetime64[M]").astype(int) % 12
        counts.append(np.isin(month, [2, 3]).sum())
    assert counts[1] > 1.25 * counts[0]

"""Small simulated businesses, made once for all tests."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np

from churn_pipeline.capabilities.simulation.outcome import Outcome, draw_outcome
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Floats, Population, draw_population
from churn_pipeline.capabilities.simulation.world import World, simulate


def parameters(**changed: Any) -> Parameters:
    """Half a year of trials, all of them over; `changed` says what is otherwise."""
    usual: dict[str, Any] = {
        "trials": 8_000,
        "first_day": date(2026, 1, 5),
        "days": 180,
        "until": date(2026, 9, 1),
        "seed": 5,
    }
    return Parameters(**(usual | changed))


@cache
def world(**changed: Any) -> World:
    return simulate(parameters(**changed))


@cache
def people(**changed: Any) -> tuple[Population, Outcome]:
    chosen = parameters(**changed)
    rng = np.random.default_rng(chosen.seed)
    population = draw_population(chosen, rng)
    return population, draw_outcome(population, chosen.base_rate, chosen.grace_days, rng)


def auc(converted: np.ndarray[Any, Any], score: Floats) -> float:
    """Chance that a converter scores above another (ties count half): the rank-sum statistic."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    hits, n = converted.sum(), len(converted)
    return float((rank[converted].sum() - hits * (hits + 1) / 2) / (hits * (n - hits)))

"""Small simulated businesses, made once for all tests."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np

from churn_pipeline.capabilities.simulation.business import Business, draw_business
from churn_pipeline.capabilities.simulation.calendar import Floats, Whole
from churn_pipeline.capabilities.simulation.outcome import Outcome
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.touches import Touches
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
def business(**changed: Any) -> Business:
    """All that is settled before anybody acts."""
    return draw_business(parameters(**changed))


@cache
def people(**changed: Any) -> tuple[Population, Outcome]:
    """The trials, and what becomes of them where nobody is touched."""
    drawn = business(**changed)
    return drawn.population, drawn.outcome(Touches.none())


def auc(converted: np.ndarray[Any, Any], score: Floats | Whole) -> float:
    """Chance that a converter scores above another (ties count half): the rank-sum statistic."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    hits, n = converted.sum(), len(converted)
    return float((rank[converted].sum() - hits * (hits + 1) / 2) / (hits * (n - hits)))

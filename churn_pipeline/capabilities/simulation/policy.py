"""What the company does by itself: an experiment, where chance decides, and calls, where customer success does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, NEVER, Floats, Whole, day_number
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.touches import (
    BY_EXPERIMENT,
    BY_SUCCESS,
    KIND,
    KINDS,
    Touches,
    planned,
    together,
)

EXPERIMENT = "which_touch"
CONTROL = "control"
ARMS = ((CONTROL, 0.2), ("email", 0.3), ("prompt", 0.15), ("cs_call", 0.1), ("extension", 0.1), ("nudge", 0.15))
"""The arms of the experiment with their shares. An arm is one touch on its usual day; control is none."""
ASSIGNED_DAY = 3
"""Day of the trial at whose midnight its arm is drawn; no trial has decided by then."""
CALL_DAY = 6
"""Day of the trial on which customer success calls by itself."""
CALLS, CALL_SIZE, CALL_VISITS = -4.2, 0.8, 1.1
"""Log-odds of such a call for an average company that never came, for one unit of size, and of log(1 + visits)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the company means to do to each trial, should it still be running then."""

    arm: Whole
    """Place in ARMS."""
    assigned: Whole
    """Moment at which the arm was drawn, or NEVER."""
    touches: Touches


def plan(parameters: Parameters, population: Population, visits: Whole) -> Plan:
    """The company's own plan. `visits` are those of each trial before the day of the call: what it decides by.

    Neither the arm nor the call looks at what becomes of the trial, and customer success knows no arms: so the calls go
    to all arms alike and leave the experiment fair. But they go to those who would have converted anyway.
    """
    seed, n = parameters.seed, len(population)
    everybody = np.arange(n)
    shares = np.cumsum([share for _, share in ARMS])
    arm = np.minimum(np.searchsorted(shares, uniform(seed, EXPERIMENT, everybody)), len(ARMS) - 1)
    assigned_day = population.start_day + ASSIGNED_DAY
    kind = np.array([KIND.get(name, -1) for name, _ in ARMS])[arm]
    usual = np.array([k.day for k in KINDS])[kind]
    liked = uniform(seed, "calls", everybody) < call_probability(population, visits)
    last = day_number(parameters.touches_until) if parameters.touches_until else NEVER
    on = parameters.touches and parameters.outcome != "order_of_steps"
    enrolled = (assigned_day < last) & on
    tested = np.flatnonzero(enrolled & (kind >= 0) & (population.start_day + usual < last))
    called = np.flatnonzero(liked & (population.start_day + CALL_DAY < last) & on)
    call = np.full(len(called), KIND["cs_call"])
    return Plan(
        arm,
        np.where(enrolled, assigned_day * DAY, NEVER),
        together(
            planned(seed, population, tested, kind[tested], usual[tested], BY_EXPERIMENT),
            planned(seed, population, called, call, np.full(len(called), CALL_DAY), BY_SUCCESS),
        ),
    )


def call_probability(population: Population, visits: Whole) -> Floats:
    """Chance that customer success calls a trial by itself: the larger and the busier, the likelier."""
    log_odds = CALLS + CALL_SIZE * population.size + CALL_VISITS * np.log1p(visits)
    chance: Floats = 1 / (1 + np.exp(-log_odds))
    return chance

"""What can be done in a visit, who does how much of it, and when the company hears of it."""

from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import SECOND, Flags, Floats, Whole
from churn_pipeline.capabilities.simulation.catalogue import ACTS, SECTORS
from churn_pipeline.capabilities.simulation.population import Population

ACTS_IN_A_VISIT = 2.0
"""Acts after the login in a visit, at traits of zero."""
GAP_SECONDS = 75.0
"""Mean seconds from act to act in a visit."""


def depth(population: Population) -> Floats:
    """Acts of each trial after the login of a visit, on the average."""
    acts: Floats = ACTS_IN_A_VISIT * np.exp(0.15 * (population.intent + population.fit))
    return acts


def act_shares(population: Population) -> Floats:
    """Cumulated shares of the acts of each trial (trials x acts), the last one 1."""
    traits = np.stack([population.intent, population.fit, population.team], axis=1)
    tilt = traits @ np.array([[act.intent, act.fit, act.team] for act in ACTS]).T
    likes = np.array([[2.0 if act.name == sector.likes else 1.0 for act in ACTS] for sector in SECTORS])
    weight: Floats = np.array([act.weight for act in ACTS]) * np.exp(tilt) * likes[population.sector]
    shares: Floats = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    return shares


def acts_by_chance(shares: Floats, trial: Whole, u: Floats) -> Whole:
    """The act that a uniform number draws from the cumulated shares of a trial."""
    # one sorted list of all cumulated shares, shifted by the trial, answers every draw in one search
    shifted = (np.arange(len(shares))[:, None] + shares).ravel()
    drawn = np.searchsorted(shifted, trial + u, side="right") - trial * len(ACTS)
    act: Whole = np.minimum(drawn, len(ACTS) - 1)
    return act


def minutes_of_use(z: Floats) -> Floats:
    """Minutes for which a feature is used, to a tenth, by standard normal numbers (log-normal)."""
    return np.round(np.exp(0.7 + 0.8 * z), 1).astype(np.float64)


def delay(late: Flags, u: Floats) -> Whole:
    """Milliseconds until the company hears of an event, by uniform numbers: seconds, or for the late ones up to 48 hours."""
    seconds = np.where(late, 120 + u * (48 * 3_600 - 120), 1 + np.minimum(-4 * np.log1p(-u), 60))
    return (seconds * SECOND).astype(np.int64)

"""Who converts, and when. The probability is the truth that the pipeline never sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.population import DAY, Flags, Floats, Population, Whole

INTENT, FIT, TEAM = 1.25, 0.75, 0.3
"""Log-odds of converting for one unit of each hidden trait."""

EARLY, AROUND_THE_END = 0.25, 0.6
"""Share of conversions that come early, and around the planned end; the rest comes in the days of grace."""
END_SHIFT, END_SPREAD = 0.7, 1.2
"""Mean and spread, in days after the planned end, of the conversions around it."""
HESITATION = 2.5
"""Mean of the days of grace until conversion, before they are cut at the end of grace."""
FIRST_DAY = 3.0
"""No trial converts earlier, in days after its start."""
NEVER = np.iinfo(np.int64).max
"""The moment of a conversion that never comes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each trial."""

    probability: Floats
    """The truth: each trial's probability to convert, by its hidden traits."""
    converted_at: Whole
    """Moment of conversion, or NEVER."""

    @property
    def converted(self) -> Flags:
        """Whether each trial converts in the end."""
        return np.not_equal(self.converted_at, NEVER)


def draw_outcome(population: Population, base_rate: float, grace_days: int, rng: np.random.Generator) -> Outcome:
    """One Bernoulli draw a trial, by its true probability; the moment does not depend on the traits."""
    probability = probability_to_convert(population, base_rate)
    converts = rng.random(len(population)) < probability
    days = days_to_convert(population.trial_days, grace_days, rng)
    moment = population.started + (days * DAY).astype(np.int64)
    return Outcome(probability, np.where(converts, moment, NEVER))


def probability_to_convert(population: Population, base_rate: float) -> Floats:
    """The truth: logistic in the hidden traits, its intercept such that the mean is `base_rate`."""
    traits = INTENT * population.intent + FIT * population.fit + TEAM * population.team
    return _sigmoid(traits + _intercept(traits, base_rate))


def days_to_convert(trial_days: Whole, grace_days: int, rng: np.random.Generator) -> Floats:
    """Days from start to conversion: some early, most around the planned end, some in the days of grace."""
    n = len(trial_days)
    early = FIRST_DAY + (trial_days - FIRST_DAY) * rng.beta(1.6, 1.1, n)
    around = trial_days + END_SHIFT + END_SPREAD * rng.standard_normal(n)
    # exponential, cut at the end of grace: the inverse of its distribution function
    grace = trial_days - HESITATION * np.log(1 - rng.random(n) * (1 - np.exp(-grace_days / HESITATION)))
    which = np.searchsorted([EARLY, EARLY + AROUND_THE_END], rng.random(n))
    last = trial_days + grace_days - 1e-6
    days: Floats = np.clip(np.choose(which, [early, around, grace]), FIRST_DAY, last)
    return days


def _intercept(traits: Floats, mean: float) -> float:
    """The number that makes the mean probability `mean`, by bisection."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(traits + middle).mean() < mean else (low, middle)
    return (low + high) / 2


def _sigmoid(log_odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-log_odds))
    return probability

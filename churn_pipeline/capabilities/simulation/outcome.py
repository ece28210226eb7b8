"""Who converts, and when: the truth that the pipeline never sees, under whatever touches.

Each trial has one uniform number `u` and one moment of decision, whatever is done to it. It converts at that moment if
u < p, where p is its probability with the touches it got before. So the outcomes under different touches are those of
one and the same trial (potential outcomes: Rubin 1974), and a touch after the decision is in vain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, NEVER, Flags, Floats, Whole, place_in_run
from churn_pipeline.capabilities.simulation.climate import Climate
from churn_pipeline.capabilities.simulation.drift import season, strength
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.touches import EXTENSION, EXTENSION_DAYS, Touches, added

INTENT, FIT, TEAM = 1.25, 0.75, 0.3
"""Log-odds of converting for one unit of each hidden trait."""
PRICE_PULL = 1.5
"""Log-odds that a price twice as high takes from a company of average size; a smaller one loses more."""
ORDER_ODDS = 2.5
"""Log-odds, from the middle, of those who take the right step first, where the order of steps decides."""

EARLY, AROUND_THE_END = 0.25, 0.6
"""Share of decisions that come early, and around the planned end; the rest comes in the days of grace."""
EARLY_RISE, EARLY_FALL = 1.6, 1.1
"""Shape of the Beta distribution of the early decisions over the days to the planned end."""
END_SHIFT, END_SPREAD = 0.7, 1.2
"""Mean and spread, in days after the planned end, of the decisions around it."""
HESITATION = 2.5
"""Mean of the days of grace until the decision, before they are cut at the end of grace."""
FIRST_DAY = 3.0
"""No trial decides earlier, in days after its start."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is settled about each trial before anybody touches it."""

    log_odds: Floats
    """Of converting, untouched."""
    u: Floats
    """It converts if this lies below its probability."""
    moment: Whole
    """When it decides, untouched."""
    last: Whole
    """The last moment at which a conversion counts."""
    grace_days: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of each trial under some touches."""

    probability: Floats
    """The truth: to convert, given its traits and the touches that are meant for it, whenever it decides."""
    converted_at: Whole
    """Moment of conversion, or NEVER."""

    @property
    def converted(self) -> Flags:
        """Whether each trial converts in the end."""
        return np.not_equal(self.converted_at, NEVER)


def draw_decisions(
    parameters: Parameters, population: Population, climate: Climate, rng: np.random.Generator
) -> Decisions:
    """One uniform number and one moment a trial; the moment does not depend on the traits."""
    u = rng.random(len(population))
    days = days_to_decide(population.trial_days, parameters.grace_days, rng)
    last = population.started + (population.trial_days + parameters.grace_days) * DAY - 1
    return Decisions(
        log_odds=untouched_log_odds(parameters, population, climate),
        u=u,
        moment=np.minimum(population.started + (days * DAY).astype(np.int64), last),
        last=last,
        grace_days=parameters.grace_days,
    )


def untouched_log_odds(parameters: Parameters, population: Population, climate: Climate) -> Floats:
    """The truth without touches: linear in the hidden traits, with a mean probability of `base_rate` before any drift."""
    if parameters.outcome == "order_of_steps":
        order = np.where(population.forward, ORDER_ODDS, -ORDER_ODDS)
        return order + _intercept(order, parameters.base_rate)
    others = FIT * population.fit + TEAM * population.team + climate.log_odds(population)
    intercept = _intercept(INTENT * population.intent + others, parameters.base_rate)
    day, drifts = population.start_day, parameters.drifts
    concept = 1 - strength(drifts, "concept", day)
    dearer = strength(drifts, "price", day) * PRICE_PULL * np.exp(-0.3 * population.size)
    return intercept + INTENT * concept * population.intent + others + season(drifts, day) - dearer


def days_to_decide(trial_days: Whole, grace_days: int, rng: np.random.Generator) -> Floats:
    """Days from start to decision: some early, most around the planned end, some in the days of grace."""
    n = len(trial_days)
    early = FIRST_DAY + (trial_days - FIRST_DAY) * rng.beta(EARLY_RISE, EARLY_FALL, n)
    around = trial_days + END_SHIFT + END_SPREAD * rng.standard_normal(n)
    # exponential, cut at the end of grace: the inverse of its distribution function
    grace = trial_days - HESITATION * np.log(1 - rng.random(n) * (1 - np.exp(-grace_days / HESITATION)))
    which = np.searchsorted([EARLY, EARLY + AROUND_THE_END], rng.random(n))
    days: Floats = np.clip(np.choose(which, [early, around, grace]), FIRST_DAY, trial_days + grace_days)
    return days


def share_decided(days: Floats, trial_days: Whole, grace_days: int) -> Floats:
    """Share of trials that have decided so many days after their start: the distribution of `days_to_decide`."""
    from scipy.special import betainc, ndtr

    early = betainc(EARLY_RISE, EARLY_FALL, np.clip((days - FIRST_DAY) / (trial_days - FIRST_DAY), 0, 1))
    around = ndtr((days - trial_days - END_SHIFT) / END_SPREAD)
    grace = -np.expm1(-np.clip(days - trial_days, 0, None) / HESITATION) / -np.expm1(
        -max(grace_days, 1e-9) / HESITATION
    )
    mixed = EARLY * early + AROUND_THE_END * around + (1 - EARLY - AROUND_THE_END) * np.minimum(grace, 1)
    decided: Floats = np.where(days < FIRST_DAY, 0, np.where(days >= trial_days + grace_days, 1, mixed))
    return decided


def decide(population: Population, decisions: Decisions, touches: Touches, effect: Floats) -> Outcome:
    """What becomes of each trial under these touches; those after its decision, or meant for it later, do nothing.

    `touches` are ordered by trial and moment; `effect` is that of `touches.effects`.
    """
    extended = np.full(len(population), NEVER)
    longer = touches.kind == EXTENSION
    np.minimum.at(extended, touches.trial[longer], touches.sent[longer])
    put_off = np.minimum(decisions.moment + EXTENSION_DAYS * DAY, decisions.last)
    moment = np.where(extended < decisions.moment, put_off, decisions.moment)
    adds = added(touches, effect)
    before = touches.sent < moment[touches.trial]
    total = decisions.log_odds + _summed(touches.trial[before], adds[before], len(population))
    converts = decisions.u < sigmoid(total)
    return Outcome(
        probability=_probability(population, decisions, touches, adds, extended),
        converted_at=np.where(converts, moment, NEVER),
    )


def sent(touches: Touches, outcome: Outcome) -> Touches:
    """The touches that are really sent: nobody is touched who has converted by then."""
    return touches.only(outcome.converted_at[touches.trial] > touches.sent)


def _probability(
    population: Population, decisions: Decisions, touches: Touches, adds: Floats, extended: Whole
) -> Floats:
    """The mean over the moment of decision: a touch counts as far as the decision comes after it."""
    trial, n = touches.trial, len(population)
    after = decisions.log_odds[trial] + _so_far(trial, adds)
    gain = sigmoid(after) - sigmoid(after - adds)
    # an extension sent before holds the decisions back
    held_back = np.maximum(extended[trial], touches.sent - EXTENSION_DAYS * DAY)
    moment = np.where(extended[trial] < touches.sent, held_back, touches.sent)
    days = (moment - population.started[trial]) / DAY
    undecided = 1 - share_decided(days, population.trial_days[trial], decisions.grace_days)
    return sigmoid(decisions.log_odds) + _summed(trial, gain * undecided, n)


def _so_far(trial: Whole, values: Floats) -> Floats:
    """The sum of the values of each trial up to and with each of them; to the last bit, no other trial counts."""
    place = place_in_run(trial)
    row = np.cumsum(place == 0) - 1
    table = np.zeros((int(row.max(initial=-1)) + 1, int(place.max(initial=0)) + 1))
    table[row, place] = values
    sums: Floats = np.cumsum(table, axis=1)[row, place]
    return sums


def _summed(trial: Whole, values: Floats, n: int) -> Floats:
    """The sum of the values of each of `n` trials."""
    total: Floats = np.bincount(trial, weights=values, minlength=n).astype(np.float64)
    return total


def _intercept(log_odds: Floats, mean: float) -> float:
    """The number that makes the mean probability `mean`, by bisection."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid(log_odds + middle).mean() < mean else (low, middle)
    return (low + high) / 2


def sigmoid(log_odds: Floats) -> Floats:
    """The probability of log-odds."""
    probability: Floats = 1 / (1 + np.exp(-log_odds))
    return probability

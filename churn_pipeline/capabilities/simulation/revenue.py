"""What converters pay, month by month, until they leave: plans, seats, changes, cancellations, invoices, true value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, MONTH, SECOND, Flags, Floats, Whole
from churn_pipeline.capabilities.simulation.catalogue import PRICES
from churn_pipeline.capabilities.simulation.drift import strength
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.outcome import Outcome
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population

MONTHS = 24
"""Months for which a customer is followed, and over which the value counts."""
LEAVES, LEAVES_FIT, LEAVES_INTENT = 0.045, 0.6, 0.2
"""Chance that an average customer leaves at the end of a month; log ratios by which a unit of the traits lowers it."""
MOST_LEAVE = 0.5
"""The chance is never higher."""
GROWS, GROWS_TEAM, GROWS_BY = 0.03, 0.5, 0.25
"""Monthly chance that an average customer grows, its log ratio for a unit of team, and the share by which it grows."""
MOST_GROW = 0.3
"""The chance is never higher."""
SHRINKS, SHRINKS_BY = 0.015, 0.2
"""Monthly chance that a customer shrinks, and the share by which it does."""
REFUNDED = 0.02
"""Share of the charges that are refunded within ten days."""


@dataclass(frozen=True, slots=True)
class Versions:
    """One entry a state of a subscription: as bought, and after each change. Amounts in hundredths."""

    trial: Whole
    started: Whole
    changed: Whole
    """When this version became known: the start, or the moment of a change."""
    month: Whole
    """The months it had run; 0 is the state as bought."""
    mrr: Whole
    cancelled: Flags

    @property
    def number(self) -> Whole:
        """What tells a state from every other."""
        number: Whole = (self.trial * (MONTHS + 1) + self.month) * 2 + self.cancelled
        return number

    def only(self, which: Whole) -> Versions:
        """Some of the states."""
        return Versions(*(getattr(self, name)[which] for name in Versions.__slots__))


@dataclass(frozen=True, slots=True)
class Invoices:
    """One entry an invoice; amounts in hundredths of the currency."""

    trial: Whole
    month: Whole
    paid: Whole
    amount: Whole
    refund: Flags

    def only(self, which: Whole) -> Invoices:
        """Some of the invoices."""
        return Invoices(*(getattr(self, name)[which] for name in Invoices.__slots__))


def first_mrr(parameters: Parameters, population: Population) -> Whole:
    """What each trial pays a month when it buys, in hundredths: seats times the price of the plan on its day."""
    seats = np.clip(np.round(0.6 * population.company_size**0.7), 1, 500)
    dearer = 1 + strength(parameters.drifts, "price", population.start_day)
    mrr: Whole = np.round(100 * seats * np.array(PRICES)[population.plan] * dearer).astype(np.int64)
    return mrr


def leaving(population: Population) -> Floats:
    """Chance of each trial, once a customer, to leave at the end of a month."""
    chance: Floats = LEAVES * np.exp(-LEAVES_FIT * population.fit - LEAVES_INTENT * population.intent)
    return np.minimum(chance, MOST_LEAVE)


def growing(population: Population) -> Floats:
    """Chance of each trial, once a customer, to grow at the end of a month."""
    return np.minimum(GROWS * np.exp(GROWS_TEAM * population.team), MOST_GROW)


def lifetime_value(parameters: Parameters, population: Population) -> Floats:
    """The truth: expected charges less refunds in `MONTHS` months after buying, should the trial buy (its currency)."""
    growth = 1 + growing(population) * GROWS_BY - SHRINKS * SHRINKS_BY
    kept = (1 - leaving(population)) * growth
    months = np.sum(kept[:, None] ** np.arange(MONTHS), axis=1)
    value: Floats = first_mrr(parameters, population) / 100 * (1 - REFUNDED) * months
    return value


def versions(parameters: Parameters, population: Population, outcome: Outcome) -> Versions:
    """Every state of every subscription, whatever `until` is."""
    trial, mrr, alive = _paths(parameters, population, outcome)
    changed = np.diff(mrr, axis=1, prepend=-1) != 0
    who, month = np.nonzero(changed & alive)
    gone, last = np.nonzero(alive[:, :-1] & ~alive[:, 1:])
    state, at = np.concatenate([who, gone]), np.concatenate([month, last + 1])
    started = outcome.converted_at[trial[state]]
    return Versions(
        trial=trial[state],
        started=started,
        changed=started + at * MONTH,
        month=at,
        mrr=np.concatenate([mrr[who, month], mrr[gone, last]]),
        cancelled=np.arange(len(state)) >= len(who),
    )


def invoices(parameters: Parameters, population: Population, outcome: Outcome) -> Invoices:
    """A charge at the beginning of each month, and the refunds."""
    trial, mrr, alive = _paths(parameters, population, outcome)
    who, month = np.nonzero(alive)
    trial, amount = trial[who], mrr[who, month]
    hours = 10 * uniform(parameters.seed, "invoice/hours", trial, month)
    paid = outcome.converted_at[trial] + month * MONTH + (hours * HOUR).astype(np.int64) + SECOND
    u = uniform(parameters.seed, "invoice/refund", trial, month)
    back = u < REFUNDED
    days = 1 + 9 * u[back] / REFUNDED
    return Invoices(
        np.concatenate([trial, trial[back]]),
        np.concatenate([month, month[back]]),
        np.concatenate([paid, paid[back] + (days * DAY).astype(np.int64)]),
        np.concatenate([amount, amount[back]]),
        np.arange(len(trial) + back.sum()) >= len(trial),
    )


def _paths(parameters: Parameters, population: Population, outcome: Outcome) -> tuple[Whole, Whole, Flags]:
    """The trials that convert; their revenue (hundredths) in each month, and whether they are still customers in it."""
    trial = np.flatnonzero(outcome.converted)
    month = np.arange(1, MONTHS)
    u = uniform(parameters.seed, "revenue/change", trial[:, None], month)
    grows, shrinks = u < growing(population)[trial, None], u > 1 - SHRINKS
    factor = np.where(grows, 1 + GROWS_BY, np.where(shrinks, 1 - SHRINKS_BY, 1.0))
    path = np.cumprod(np.column_stack([np.ones(len(trial)), factor]), axis=1)
    mrr = np.round(first_mrr(parameters, population)[trial, None] * path).astype(np.int64)
    lasts = np.log(uniform(parameters.seed, "revenue/leaves", trial)) / np.log1p(-leaving(population)[trial])
    return trial, mrr, np.arange(MONTHS) <= lasts[:, None]

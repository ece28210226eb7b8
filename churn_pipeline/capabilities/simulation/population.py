"""Who comes to try the product: what a company can know of a trial, and the traits that nobody sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, Flags, Floats, Whole, day_number, weekday
from churn_pipeline.capabilities.simulation.catalogue import (
    CHANNELS,
    COUNTRIES,
    GROWTH,
    NO_CONSENT,
    NULLS,
    PLANS,
    SEASON,
    SECTORS,
    START_WEEKDAYS,
)
from churn_pipeline.capabilities.simulation.drift import strength
from churn_pipeline.capabilities.simulation.parameters import Parameters

FORWARD = 0.32
"""Share of the trials that take one of two steps before the other; it decides where the order of steps does."""


@dataclass(frozen=True, slots=True)
class Population:
    """The trials in order of their start; one entry a trial in every array. Attributes are places in their lists."""

    started: Whole
    """Moment the trial started."""
    trial_days: Whole
    plan: Whole
    channel: Whole
    sector: Whole
    country: Whole
    company_size: Whole
    """Employees."""
    consent: Flags
    known: dict[str, Flags]
    """Whether the company knows the attribute, by attribute that may be null."""
    intent: Floats
    """Hidden: how much they want to solve the problem now."""
    fit: Floats
    """Hidden: how well the product suits them."""
    team: Floats
    """Hidden: how much this is the work of a team."""
    habit: Floats
    """Hidden: how often they would come anyway; changes usage, and never the outcome."""
    openness: Floats
    """Hidden: how much they like to be contacted; changes what touches do, and nothing else."""
    forward: Flags
    """Hidden: which of two steps they take first; matters only where the order of steps decides."""

    def __len__(self) -> int:
        """How many trials."""
        return len(self.started)

    @property
    def ends(self) -> Whole:
        """Moment of the planned end of each trial."""
        return self.started + self.trial_days * DAY

    @property
    def start_day(self) -> Whole:
        """Day on which each trial starts, since 1970-01-01."""
        return self.started // DAY

    @property
    def size(self) -> Floats:
        """Log of the employees, standardised."""
        return (np.log(self.company_size) - 3.2) / 1.5


def draw_population(parameters: Parameters, rng: np.random.Generator) -> Population:
    """Every trial that starts within the span of the world, whatever `until` is."""
    n = parameters.trials
    sector, country = (
        rng.choice(len(kinds), n, p=_shares(np.array([kind.share for kind in kinds]))) for kinds in (SECTORS, COUNTRIES)
    )
    started = _starts(parameters, np.array([c.ahead for c in COUNTRIES])[country], rng)
    order = np.argsort(started)
    started, country = started[order], country[order]
    channel = _channels(parameters, started // DAY, rng)
    size = np.clip(np.exp(3.2 + 1.5 * rng.standard_normal(n)), 1, 20_000).astype(np.int64)
    fit = np.array([s.fit for s in SECTORS])[sector] + suits(size) + 0.65 * rng.standard_normal(n)
    intent = np.array([c.intent for c in CHANNELS])[channel] + 0.2 * fit + 0.95 * rng.standard_normal(n)
    return Population(
        started=started,
        trial_days=np.where(rng.random(n) < parameters.long_share, 30, 14),
        plan=np.searchsorted([2.5, 4.8], np.log(size) + 0.6 * rng.standard_normal(n)).clip(0, len(PLANS) - 1),
        channel=channel,
        sector=sector,
        country=country,
        company_size=size,
        consent=rng.random(n) >= NO_CONSENT,
        known={name: rng.random(n) >= share for name, share in NULLS.items()},
        intent=intent,
        fit=fit,
        team=0.4 * fit + 0.5 * (np.log(size) - 3.2) / 1.5 + 0.7 * rng.standard_normal(n),
        habit=0.15 * rng.standard_normal(n),
        openness=rng.standard_normal(n),
        forward=rng.random(n) < FORWARD,
    )


def suits(size: Whole) -> Floats:
    """What a company's size adds to its fit: most around 70 employees, less for the very small and the very large."""
    away: Floats = (np.log(size) - np.log(70)) / 1.5
    return 0.5 - 0.25 * away**2


def working_hours(n: int, ahead: Whole, rng: np.random.Generator) -> Whole:
    """Milliseconds into a UTC day of `n` visits, around mid-morning and mid-afternoon, `ahead` hours before UTC."""
    local = np.where(rng.random(n) < 0.5, 10.4, 15.0) + 2.2 * rng.standard_normal(n)
    return ((local - ahead) % 24 * HOUR).astype(np.int64) % DAY


def _starts(parameters: Parameters, ahead: Whole, rng: np.random.Generator) -> Whole:
    """Moments of start: more on workdays, more in winter, and more from year to year."""
    days = day_number(parameters.first_day) + np.arange(parameters.days)
    year = SEASON * np.cos(2 * np.pi * days / 365.25)
    weight = np.array(START_WEEKDAYS)[weekday(days)] * np.exp(GROWTH * np.arange(parameters.days) / 365 + year)
    day = rng.choice(days, parameters.trials, p=_shares(weight))
    return day * DAY + working_hours(parameters.trials, ahead, rng)


def _channels(parameters: Parameters, day: Whole, rng: np.random.Generator) -> Whole:
    """Where the trials come from; a drift of the mix tilts the shares by the intent that a channel brings."""
    share, intent = np.array([[c.share, c.intent] for c in CHANNELS]).T
    tilted = share * np.exp(-2 * np.outer(strength(parameters.drifts, "channel_mix", day), intent))
    cumulated = np.cumsum(tilted, axis=1) / tilted.sum(axis=1, keepdims=True)
    channel: Whole = (rng.random((len(day), 1)) > cumulated).sum(axis=1)
    return channel


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / np.sum(weights)
    return shares

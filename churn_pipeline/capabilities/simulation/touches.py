"""What the company does to trials, and what that does to them: the potential outcomes differ by these effects alone."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, Flags, Floats, Whole, place_in_run
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of touch: what it costs (EUR), when it is usual and works best, and what it adds to the log-odds.

    Effect of a single touch = (effect + intent * ... + fit * ... + team * ... + size * ... + openness * ...) * timing,
    timing = exp(-(day - usual day)^2 / (2 * width^2)), with the day of the trial. `visits` is how many it brings.
    """

    name: str
    cost: float
    day: int
    width: float
    effect: float
    intent: float = 0.0
    fit: float = 0.0
    team: float = 0.0
    size: float = 0.0
    openness: float = 0.0
    visits: float = 0.0


KINDS = (
    Kind("email", 0.05, 10, 4, 0.15, intent=-0.25, fit=0.15, openness=0.3, visits=0.4),
    Kind("prompt", 0.01, 4, 4, -0.05, fit=0.35, openness=0.1, visits=0.2),
    Kind("cs_call", 35.0, 7, 4, 0.3, intent=-0.2, team=0.3, size=0.4, openness=0.4, visits=0.8),
    Kind("extension", 6.0, 12, 3, 0.0, intent=0.2, fit=0.3, openness=0.1, visits=1.5),
    Kind("nudge", 0.01, 5, 4, 0.0, intent=-0.1, openness=0.35, visits=0.3),
)
KIND = {kind.name: place for place, kind in enumerate(KINDS)}
EXTENSION = KIND["extension"]

AGAIN = 0.5
"""Each further touch of a trial has so much of the effect of the one before."""
EXTENSION_DAYS = 5
"""Days by which an extension puts off the decision of those who have not yet decided."""
FIRST_HOUR, HOURS = 8, 9
"""Touches are sent from this hour on (UTC), within so many hours."""

BY_EXPERIMENT, BY_SUCCESS, BY_POLICY = 0, 1, 2
"""Who sent a touch: the experiment, customer success by itself, or whoever drives the world day by day."""


@dataclass(frozen=True, slots=True)
class Touches:
    """One entry a touch, planned or sent, ordered by trial and moment."""

    trial: Whole
    kind: Whole
    """Place in KINDS."""
    day: Whole
    """Day of the trial."""
    sent: Whole
    by: Whole
    """BY_EXPERIMENT, BY_SUCCESS or BY_POLICY."""

    def __len__(self) -> int:
        """How many."""
        return len(self.trial)

    @classmethod
    def none(cls) -> Touches:
        """No touch at all."""
        return cls(*(np.zeros(0, np.int64) for _ in fields(cls)))

    @property
    def number(self) -> Whole:
        """What tells a touch from every other: trial, day, kind and sender. A trial gets one of a kind and sender a day."""
        return ((self.trial * 64 + self.day) * len(KINDS) + self.kind) * 3 + self.by

    def only(self, which: Whole | Flags) -> Touches:
        """Some of them."""
        return Touches(*(getattr(self, field.name)[which] for field in fields(self)))


def planned(seed: int, population: Population, trial: Whole, kind: Whole, day: Whole, by: int) -> Touches:
    """Touches on days of the trials, each at an hour of its own."""
    hour = FIRST_HOUR + HOURS * uniform(seed, "hour of touch", trial, kind, day, by)
    sent = (population.start_day[trial] + day) * DAY + (hour * HOUR).astype(np.int64)
    return together(Touches(trial, kind, day, sent, np.full(len(trial), by)))


def together(*parts: Touches) -> Touches:
    """All touches of the parts, ordered by trial and moment."""
    joined = Touches(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Touches)))
    return joined.only(np.lexsort((joined.by, joined.kind, joined.sent, joined.trial)))


def effects(parameters: Parameters, population: Population) -> Floats:
    """What one touch of each kind adds to the log-odds on its best day (trials by kinds): helps some, harms others.

    Nothing, where only the order of steps decides.
    """
    if parameters.outcome == "order_of_steps":
        return np.zeros((len(population), len(KINDS)))
    traits = [population.intent, population.fit, population.team, population.size, population.openness]
    weights = np.array([[k.intent, k.fit, k.team, k.size, k.openness] for k in KINDS])
    total: Floats = np.array([k.effect for k in KINDS]) + np.stack(traits, axis=1) @ weights.T
    return total


def most_added(effect: Floats) -> Floats:
    """More than any series of touches can add to the log-odds of each trial."""
    most: Floats = np.maximum(effect.max(axis=1), 0) / (1 - AGAIN)
    return most


def added(touches: Touches, effect: Floats) -> Floats:
    """What each touch adds to the log-odds of its trial: by kind, by day, and less the more went before."""
    best, width = np.array([[k.day, k.width] for k in KINDS])[touches.kind].T
    timing = np.exp(-(((touches.day - best) / width) ** 2) / 2)
    total: Floats = effect[touches.trial, touches.kind] * timing * AGAIN ** place_in_run(touches.trial)
    return total


def usual_touch(population: Population, kind: int) -> Touches:
    """One touch of the kind for everybody, at noon of its usual day."""
    trial, one = np.arange(len(population)), np.ones(len(population), np.int64)
    day = KINDS[kind].day * one
    return Touches(trial, kind * one, day, (population.start_day + day) * DAY + DAY // 2, BY_POLICY * one)

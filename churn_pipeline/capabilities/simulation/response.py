"""What a touch makes a trial do at once: a visit or two. Each is a function of the touch alone."""

from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation.acts import GAP_SECONDS, acts_by_chance, depth
from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, NEVER, SECOND, Floats, Whole
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.touches import EXTENSION, EXTENSION_DAYS, KINDS, Touches
from churn_pipeline.capabilities.simulation.usage import FEATURES, LOGIN, Usage

MOST, LONGEST = 4, 16
"""Visits that a touch can bring, and events that such a visit can have."""
BEYOND = 2**39
"""The numbers of these events begin here: beyond those of all others."""
FORGOTTEN_DAYS = 45
"""Days after which nothing that a touch brought is still to become known."""
REACTS_HOURS = 8.0
"""Mean hours from a touch to such a visit."""


def draw_response(
    parameters: Parameters, population: Population, shares: Floats, touches: Touches, window: tuple[int, int]
) -> Usage:
    """The events that the touches bring and that become known in the window; `shares` are those of `acts.act_shares`."""
    near = (touches.sent < window[1]) & (touches.sent >= window[0] - FORGOTTEN_DAYS * DAY)
    touches = touches.only(near)
    seed = parameters.seed
    which, slot = _slots(_visits(seed, population, touches))
    touch = touches.only(which)
    number = touch.number * MOST + slot
    began = _began(seed, population, touch, number)
    open_ = began < population.ends[touch.trial] + np.where(touch.kind == EXTENSION, EXTENSION_DAYS * DAY, 0)
    touch, number, began = touch.only(open_), number[open_], began[open_]
    acts = 1 + _geometric(uniform(seed, "response/acts", number), depth(population)[touch.trial], LONGEST - 1)
    visit, place = _slots(acts)
    trial, event_number = touch.trial[visit], number[visit] * LONGEST + place
    drawn = acts_by_chance(shares, trial, uniform(seed, "response/act", event_number))
    event = np.where(place == 0, LOGIN, drawn)
    # a minute apart, and never before the one before
    within = (place + uniform(seed, "response/gap", event_number) * (place > 0)) * GAP_SECONDS
    occurred = began[visit] + (within * SECOND).astype(np.int64) + place
    late = uniform(seed, "response/late", event_number) < parameters.late_share
    delay = np.where(late, 48 * HOUR, 5 * SECOND) * uniform(seed, "response/delay", event_number) + SECOND
    minutes = np.round(5 * uniform(seed, "response/minutes", event_number), 1)
    return Usage(
        number=BEYOND + event_number,
        trial=trial,
        user=np.zeros(len(trial), np.int64),
        visit=BEYOND + number[visit],
        event=event,
        value=np.where(FEATURES[event], minutes, np.nan),
        occurred=occurred,
        received=occurred + delay.astype(np.int64),
        bought_by=np.full(len(trial), NEVER),
    )


def _visits(seed: int, population: Population, touches: Touches) -> Whole:
    """How many visits each touch brings: the more, the more the trial likes to be contacted."""
    mean = np.array([kind.visits for kind in KINDS])[touches.kind] * np.exp(0.4 * population.openness[touches.trial])
    return _geometric(uniform(seed, "response/visits", touches.number), mean, MOST)


def _began(seed: int, population: Population, touch: Touches, number: Whole) -> Whole:
    """When the visits begin: within hours of the touch, or, of an extension, in the days it adds."""
    u = uniform(seed, "response/when", number)
    soon = touch.sent + (-np.log(u) * REACTS_HOURS * HOUR).astype(np.int64)
    added = population.ends[touch.trial] + (u * EXTENSION_DAYS * DAY).astype(np.int64)
    return np.where(touch.kind == EXTENSION, added, soon)


def _geometric(u: Floats, mean: Floats, most: int) -> Whole:
    """Geometric numbers from 0 on, of that mean before they are cut at `most`."""
    return np.minimum(np.log(u) / np.log(mean / (1 + mean)), most).astype(np.int64)


def _slots(counts: Whole) -> tuple[Whole, Whole]:
    """For each of so many slots, whose it is and which one of them.

    >>> [array.tolist() for array in _slots(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    whose = np.repeat(np.arange(len(counts)), counts)
    return whose, np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)

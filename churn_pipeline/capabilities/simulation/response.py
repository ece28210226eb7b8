"""What a touch makes a trial do at once: a visit or two. Each is a function of the touch alone."""

from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation.acts import GAP_SECONDS, acts_by_chance, delay, depth, minutes_of_use
from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, NEVER, SECOND, Floats, Whole
from churn_pipeline.capabilities.simulation.noise import normal, uniform
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
    """The events that the touches bring, at least those that become known in the window.

    `shares` are those of `acts.act_shares`.
    """
    near = (touches.sent < window[1]) & (touches.sent >= window[0] - FORGOTTEN_DAYS * DAY)
    seed = parameters.seed
    visitor, visit_number, began = _draw_visits(seed, population, touches.only(near))
    acts = _geometric(uniform(seed, "response/acts", visit_number), depth(population)[visitor], LONGEST - 1)
    visit, place = _slots(1 + acts)
    trial, number = visitor[visit], visit_number[visit] * LONGEST + place
    drawn = acts_by_chance(shares, trial, uniform(seed, "response/act", number))
    event = np.where(place == 0, LOGIN, drawn)
    # about a minute apart, and never before the one before
    passed = (place + uniform(seed, "response/gap", number) * (place > 0)) * GAP_SECONDS
    occurred = began[visit] + (passed * SECOND).astype(np.int64) + place
    late = uniform(seed, "response/late", number) < parameters.late_share
    minutes = minutes_of_use(normal(seed, "response/minutes", number))
    return Usage(
        number=BEYOND + number,
        trial=trial,
        user=np.zeros(len(trial), np.int64),
        visit=BEYOND + visit_number[visit],
        event=event,
        value=np.where(FEATURES[event], minutes, np.nan),
        occurred=occurred,
        received=occurred + delay(late, uniform(seed, "response/delay", number)),
        bought_by=np.full(len(trial), NEVER),
    )


def _draw_visits(seed: int, population: Population, touches: Touches) -> tuple[Whole, Whole, Whole]:
    """Trial, number and begin of the visits: the more, the more the trial likes to be contacted.

    Within hours of the touch, or, of an extension, in the days it adds; none while the product is closed.
    """
    mean = np.array([kind.visits for kind in KINDS])[touches.kind] * np.exp(0.4 * population.openness[touches.trial])
    which, slot = _slots(_geometric(uniform(seed, "response/visits", touches.number), mean, MOST))
    touch = touches.only(which)
    number, ends, longer = touch.number * MOST + slot, population.ends[touch.trial], touch.kind == EXTENSION
    u = uniform(seed, "response/when", number)
    soon = touch.sent + (-np.log(u) * REACTS_HOURS * HOUR).astype(np.int64)
    began = np.where(longer, ends + (u * EXTENSION_DAYS * DAY).astype(np.int64), soon)
    open_ = longer | (began < ends)
    return touch.trial[open_], number[open_], began[open_]


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

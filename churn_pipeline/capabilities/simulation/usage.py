"""What the trials do with the product, visit by visit, and when the company hears of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from churn_pipeline.capabilities.simulation.acts import (
    GAP_SECONDS,
    act_shares,
    acts_by_chance,
    delay,
    depth,
    minutes_of_use,
)
from churn_pipeline.capabilities.simulation.calendar import DAY, HOUR, NEVER, SECOND, Flags, Floats, Whole, place_in_run
from churn_pipeline.capabilities.simulation.catalogue import ACTS
from churn_pipeline.capabilities.simulation.drift import LOST_FEATURE, strength
from churn_pipeline.capabilities.simulation.outcome import Decisions, Outcome
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.visits import AFTER_DAYS, Visits, draw_visits, stays

EVENTS = (*(act.name for act in ACTS), "login", "invite_accepted")
"""What an event can be; events hold their place in this list."""
INVITE_SENT, LOGIN, ACCEPTED = (EVENTS.index(name) for name in ("invite_sent", "login", "invite_accepted"))
FEATURES = np.array([*(act.feature for act in ACTS), False, False])
"""Whether it is the use of a feature."""

ACCEPTS, ACCEPT_HOURS = 0.55, 5.0
"""Share of invites that are accepted, and the median hours until then."""
NOBODY = -1
"""The visit of what happens outside of all visits."""
STEPS = (EVENTS.index("imports"), EVENTS.index("reports"))
"""The two steps of which the order decides, where it does."""
STEADY = 0.9
"""Share of their visits in which trials take these two steps in their own order."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One entry an event."""

    number: Whole
    """What tells an event from every other."""
    trial: Whole
    user: Whole
    """Who: 0 is the one who started the trial, then teammates in the order in which they joined."""
    visit: Whole
    """In which visit, or NOBODY's."""
    event: Whole
    """Place in EVENTS."""
    value: Floats
    """Minutes of use; not a number where the event carries none."""
    occurred: Whole
    received: Whole
    bought_by: Whole
    """It happens only if the trial has been bought by then, and not long before; NEVER: it happens anyway."""

    def only(self, which: Whole | Flags | slice) -> Usage:
        """Some of the events."""
        return Usage(*(getattr(self, name)[which] for name in Usage.__slots__))

    def happens(self, outcome: Outcome) -> Flags:
        """Whether each event happens, given what becomes of the trials."""
        happens: Flags = np.equal(self.bought_by, NEVER)
        which = np.flatnonzero(~happens)
        happens[which] = stays(outcome.converted_at[self.trial[which]], self.bought_by[which])
        return happens


def draw_usage(
    parameters: Parameters, population: Population, decisions: Decisions, effect: Floats, rng: np.random.Generator
) -> Usage:
    """Every event of every trial, in the order in which the company hears of them, whatever `until` is.

    Among them those that only buyers cause, of all trials that might buy.
    """
    if parameters.outcome == "order_of_steps":
        nothing = np.zeros(len(population))
        population = replace(population, intent=nothing, fit=nothing, team=nothing, habit=nothing)
    visits = draw_visits(parameters, population, decisions, effect, rng)
    visit, place, occurred, event = _draw_acts(population, visits, rng)
    trial = visits.trial[visit]
    if parameters.outcome == "order_of_steps":
        event = _in_order(population.forward[trial], place, event, rng)
    invited = (event == INVITE_SENT) & (occurred < population.ends[trial])
    joined, joined_at = _draw_joins(population, trial[invited], occurred[invited], rng)
    who = _draw_users(population, visits, joined, joined_at, rng)
    n, more = len(visit), len(joined)
    occurred = np.concatenate([occurred, joined_at])
    minutes = np.where(FEATURES[event], minutes_of_use(rng.standard_normal(n)), np.nan)
    everything = Usage(
        number=np.arange(n + more),
        trial=np.concatenate([trial, joined]),
        user=np.concatenate([who[visit], place_in_run(joined) + 1]),
        visit=np.concatenate([visit, np.full(more, NOBODY)]),
        event=np.concatenate([event, np.full(more, ACCEPTED)]),
        value=np.concatenate([minutes, np.full(more, np.nan)]),
        occurred=occurred,
        received=occurred + delay(rng.random(n + more) < parameters.late_share, rng.random(n + more)),
        bought_by=np.concatenate([np.where(visits.if_bought, visits.began, NEVER)[visit], np.full(more, NEVER)]),
    )
    tracked = _tracked(parameters, everything, rng)
    return tracked.only(np.argsort(tracked.received, kind="stable"))


def together(*parts: Usage) -> Usage:
    """The events of all parts."""
    return Usage(*(np.concatenate([getattr(part, name) for part in parts]) for name in Usage.__slots__))


def visits_before(population: Population, usage: Usage, day: int) -> Whole:
    """Visits of each trial before the midnight of one of its days."""
    seen = (usage.event == LOGIN) & (usage.received // DAY < population.start_day[usage.trial] + day)
    return np.bincount(usage.trial[seen], minlength=len(population))


def _draw_acts(population: Population, visits: Visits, rng: np.random.Generator) -> tuple[Whole, Whole, Whole, Whole]:
    """Visit, place in it, moment and kind of each event of the visits: a login, then acts about a minute apart."""
    acts = np.minimum(rng.geometric(1 / (1 + depth(population)[visits.trial])), 60)
    visit = np.repeat(np.arange(len(acts)), acts)
    place = place_in_run(visit)
    gaps = np.where(place == 0, 0.0, rng.exponential(GAP_SECONDS, len(visit)))
    passed = np.cumsum(gaps)
    passed -= np.repeat(passed[place == 0], acts)
    occurred = visits.began[visit] + (passed * SECOND).astype(np.int64) + place
    event = acts_by_chance(act_shares(population), visits.trial[visit], rng.random(len(visit)))
    return visit, place, occurred, np.where(place == 0, LOGIN, event)


def _draw_joins(population: Population, trial: Whole, invited: Whole, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Trial and moment at which a teammate accepted an invite, by trial and moment."""
    hours = ACCEPT_HOURS * np.exp(1.2 * rng.standard_normal(len(trial)))
    at = invited + (hours * HOUR).astype(np.int64)
    joins = (rng.random(len(trial)) < ACCEPTS) & (at < population.ends[trial] + AFTER_DAYS * DAY)
    order = np.lexsort((at[joins], trial[joins]))
    return trial[joins][order], at[joins][order]


def _draw_users(
    population: Population, visits: Visits, joined: Whole, joined_at: Whole, rng: np.random.Generator
) -> Whole:
    """Who visits: one of those who had joined by then, the earlier ones more often."""
    span = 1_000 * DAY
    since = joined * span + joined_at - population.started[joined]
    by_then = np.searchsorted(since, visits.trial * span + visits.began - population.started[visits.trial])
    members = 1 + by_then - np.searchsorted(joined, visits.trial)
    return (rng.random(len(members)) ** 1.5 * members).astype(np.int64)


def _in_order(forward: Flags, place: Whole, event: Whole, rng: np.random.Generator) -> Whole:
    """The acts, where the first two of a visit with at least two are the two steps, mostly in the trial's own order."""
    pairs = np.flatnonzero((place[1:] == 2) & (place[:-1] == 1))
    as_usual = rng.random(len(pairs)) < STEADY
    first, second = (np.where(forward[pairs] == as_usual, *order) for order in (STEPS, STEPS[::-1]))
    event[pairs], event[pairs + 1] = first, second
    return event


def _tracked(parameters: Parameters, usage: Usage, rng: np.random.Generator) -> Usage:
    """What is still recorded after a loss of tracking."""
    if not any(drift.kind == "tracking_loss" for drift in parameters.drifts):
        return usage
    share = strength(parameters.drifts, "tracking_loss", usage.occurred // DAY)
    lost = (usage.event == EVENTS.index(LOST_FEATURE)) & (rng.random(len(share)) < share)
    return usage.only(~lost)

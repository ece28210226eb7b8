"""What the trials do with the product, visit by visit, and when the company hears of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.outcome import Outcome
from churn_pipeline.capabilities.simulation.parameters import ACTS, COUNTRIES, SECTORS, WORKDAYS, Parameters
from churn_pipeline.capabilities.simulation.population import (
    DAY,
    SECOND,
    Flags,
    Floats,
    Population,
    Whole,
    weekday,
    working_hours,
)

EVENTS = (*(act.name for act in ACTS), "login", "invite_accepted")
"""What an event can be; events hold their place in this list."""
INVITE_SENT, LOGIN, ACCEPTED = (EVENTS.index(name) for name in ("invite_sent", "login", "invite_accepted"))
FEATURES = np.array([*(act.feature for act in ACTS), False, False])
"""Whether it is the use of a feature."""

AFTER_DAYS = 10
"""Days after the planned end for which usage is simulated."""
VISITS = 0.36
"""Visits on a day of a trial whose hidden traits are zero, once curiosity has gone."""
MOST_VISITS = 3.5
"""Visits on a day that the keenest trials come near to."""
CURIOSITY, CURIOSITY_DAYS = 1.2, 1.5
"""Log ratio of visits at the start, for everybody alike, and the days in which it fades to a third."""
REVEALING_DAYS = 2.5
"""Days after which two thirds of the effect of the traits shows in the visits."""
PULL_INTENT, PULL_FIT, PULL_TEAM = 1.25, 0.75, 0.3
"""Log ratio of visits for one unit of the trait."""
MOOD = 0.3
"""Spread of the visits of one trial from day to day, as a log ratio."""
ACTS_IN_A_VISIT = 2.0
"""Acts after the login in a visit, at traits of zero."""
CLOSED = 0.08
"""Share of visits that still happen while the trial has ended and nothing is bought."""
STAYS_DAYS = 7
"""Days for which somebody who bought is simulated on."""
ACCEPTS, ACCEPT_HOURS = 0.55, 5.0
"""Share of invites that are accepted, and the median hours until then."""
SILENT = 0.02
"""Share of trials that never come, at an intent of zero; a unit of intent divides it by e."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Visits:
    """One entry a visit."""

    trial: Whole
    began: Whole


@dataclass(frozen=True, slots=True)
class Usage:
    """One entry an event, in the order in which the company heard of them."""

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


def draw_usage(parameters: Parameters, population: Population, outcome: Outcome, rng: np.random.Generator) -> Usage:
    """Every event of every trial, whatever `until` is."""
    visits = _draw_visits(population, outcome, rng)
    visit, occurred, event = _draw_acts(population, visits, rng)
    trial = visits.trial[visit]
    invited = event == INVITE_SENT
    joined, joined_at = _draw_joins(population, trial[invited], occurred[invited], rng)
    member = _place_in_run(joined) + 1
    who = _draw_users(population, visits, joined, joined_at, rng)
    everything = Usage(
        trial=np.concatenate([trial, joined]),
        user=np.concatenate([who[visit], member]),
        visit=np.concatenate([visit, np.full(len(joined), NOBODY)]),
        event=np.concatenate([event, np.full(len(joined), ACCEPTED)]),
        value=np.concatenate([_draw_minutes(event, rng), np.full(len(joined), np.nan)]),
        occurred=np.concatenate([occurred, joined_at]),
        received=np.concatenate([occurred, joined_at]) + _draw_delay(parameters, len(visit) + len(joined), rng),
    )
    order = np.argsort(everything.received, kind="stable")
    return Usage(*(getattr(everything, name)[order] for name in Usage.__slots__))


def _draw_visits(population: Population, outcome: Outcome, rng: np.random.Generator) -> Visits:
    """Visits by day of the trial (Poisson), and the first one right at the start, as far as the product is open."""
    horizon = population.trial_days + AFTER_DAYS
    trial = np.repeat(np.arange(len(population)), horizon)
    day = _place_in_run(trial)
    silent = rng.random(len(population)) < SILENT * np.exp(-population.intent)
    mood = np.exp(MOOD * rng.standard_normal(len(trial)) - MOOD**2 / 2)
    count = rng.poisson(_visits_a_day(population, trial, day) * mood * ~silent[trial])
    trial, day = np.repeat(trial, count), np.repeat(day, count)
    ahead = np.array([c.ahead for c in COUNTRIES])[population.country[trial]]
    began = (population.started[trial] // DAY + day) * DAY + working_hours(len(trial), ahead, rng)
    open_ = (began > population.started[trial]) & _is_open(population, outcome, trial, began, rng)
    first = np.flatnonzero(~silent)
    at_once = population.started[first] + (rng.exponential(240, len(first)) * SECOND).astype(np.int64)
    return Visits(np.concatenate([trial[open_], first]), np.concatenate([began[open_], at_once]))


def _visits_a_day(population: Population, trial: Whole, day: Whole) -> Floats:
    """Expected visits of a trial on its day: curiosity fades for all alike, and what they need remains."""
    traits = PULL_INTENT * population.intent + PULL_FIT * population.fit + PULL_TEAM * population.team
    shown = 1 - np.exp(-(day + 0.5) / REVEALING_DAYS)
    curious = CURIOSITY * np.exp(-day / CURIOSITY_DAYS)
    calendar = np.array([[*WORKDAYS, sector.weekend, sector.weekend] for sector in SECTORS])
    today = weekday(population.started[trial] // DAY + day)
    wanted: Floats = VISITS * np.exp((traits + population.habit)[trial] * shown + curious)
    visits: Floats = wanted / (1 + wanted / MOST_VISITS) * calendar[population.sector[trial], today]
    return visits


def _is_open(population: Population, outcome: Outcome, trial: Whole, began: Whole, rng: np.random.Generator) -> Flags:
    """Whether a visit happens: within the trial, or for some days after buying; else only some look in again."""
    bought = outcome.converted_at[trial]
    stays = (began >= bought) & (began - np.minimum(bought, began) < STAYS_DAYS * DAY)
    return (began < population.ends[trial]) | stays | (rng.random(len(trial)) < CLOSED)


def _draw_acts(population: Population, visits: Visits, rng: np.random.Generator) -> tuple[Whole, Whole, Whole]:
    """Visit, moment and kind of each event of the visits: a login, then acts about a minute apart."""
    depth = ACTS_IN_A_VISIT * np.exp(0.15 * (population.intent + population.fit))
    acts = np.minimum(rng.geometric(1 / (1 + depth[visits.trial])), 60)
    visit = np.repeat(np.arange(len(acts)), acts)
    place = _place_in_run(visit)
    gaps = np.where(place == 0, 0.0, rng.exponential(75.0, len(visit)))
    passed = np.cumsum(gaps)
    passed -= np.repeat(passed[place == 0], acts)
    occurred = visits.began[visit] + (passed * SECOND).astype(np.int64)
    trial = visits.trial[visit]
    # one sorted list of all cumulated shares, shifted by the trial, answers every draw in one search
    shares = (np.arange(len(population))[:, None] + _act_shares(population)).ravel()
    drawn = np.searchsorted(shares, trial + rng.random(len(visit)), side="right") - trial * len(ACTS)
    return visit, occurred, np.where(place == 0, LOGIN, np.minimum(drawn, len(ACTS) - 1))


def _act_shares(population: Population) -> Floats:
    """Cumulated shares of the acts of each trial (trials x acts), the last one 1."""
    traits = np.stack([population.intent, population.fit, population.team], axis=1)
    tilt = traits @ np.array([[act.intent, act.fit, act.team] for act in ACTS]).T
    likes = np.array([[2.0 if act.name == sector.likes else 1.0 for act in ACTS] for sector in SECTORS])
    weight: Floats = np.array([act.weight for act in ACTS]) * np.exp(tilt) * likes[population.sector]
    shares: Floats = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    return shares


def _draw_joins(population: Population, trial: Whole, invited: Whole, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Trial and moment at which a teammate accepted an invite, by trial and moment."""
    hours = ACCEPT_HOURS * np.exp(1.2 * rng.standard_normal(len(trial)))
    at = invited + (hours * 3_600 * SECOND).astype(np.int64)
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


def _draw_minutes(event: Whole, rng: np.random.Generator) -> Floats:
    """Minutes of use, to a tenth, where a feature was used."""
    minutes = np.round(np.exp(0.7 + 0.8 * rng.standard_normal(len(event))), 1)
    return np.where(FEATURES[event], minutes, np.nan)


def _draw_delay(parameters: Parameters, n: int, rng: np.random.Generator) -> Whole:
    """Milliseconds until the company hears of an event: seconds, or for the late ones up to 48 hours."""
    late = rng.random(n) < parameters.late_share
    seconds = np.where(late, rng.uniform(120, 48 * 3_600, n), 1 + np.minimum(rng.exponential(4, n), 60))
    return (seconds * SECOND).astype(np.int64)


def _place_in_run(sorted_: Whole) -> Whole:
    """Place of each entry among its equals, from 0, in a list in which equals stand together.

    >>> _place_in_run(np.array([4, 4, 7, 7, 7])).tolist()
    [0, 1, 0, 1, 2]
    """
    index = np.arange(len(sorted_))
    begins = np.concatenate([[True], sorted_[1:] != sorted_[:-1]]) if len(sorted_) else np.zeros(0, bool)
    return index - np.maximum.accumulate(np.where(begins, index, 0))

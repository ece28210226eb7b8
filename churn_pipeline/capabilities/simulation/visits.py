"""When the trials visit the product: day by day, whatever becomes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import DAY, SECOND, Flags, Floats, Whole, place_in_run, weekday
from churn_pipeline.capabilities.simulation.catalogue import COUNTRIES, SECTORS, WORKDAYS
from churn_pipeline.capabilities.simulation.drift import season
from churn_pipeline.capabilities.simulation.outcome import Decisions, sigmoid
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.population import Population, working_hours
from churn_pipeline.capabilities.simulation.touches import EXTENSION_DAYS, most_added

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
CLOSED = 0.08
"""Share of visits that still happen while the trial has ended and nothing is bought."""
STAYS_DAYS = 7
"""Days for which somebody who bought is simulated on."""
SILENT = 0.02
"""Share of trials that never come, at an intent of zero; a unit of intent divides it by e."""


@dataclass(frozen=True, slots=True)
class Visits:
    """One entry a visit. `if_bought`: it happens only if the trial has been bought by then, and not long before."""

    trial: Whole
    began: Whole
    if_bought: Flags


def stays(bought: Whole, moment: Whole) -> Flags:
    """Whether somebody who bought then is still simulated at the moment."""
    return (moment >= bought) & (moment - np.minimum(bought, moment) < STAYS_DAYS * DAY)


def draw_visits(
    parameters: Parameters, population: Population, decisions: Decisions, effect: Floats, rng: np.random.Generator
) -> Visits:
    """Visits by day of the trial (Poisson), and the first one right at the start; after the end, those of buyers."""
    horizon = population.trial_days + AFTER_DAYS
    trial = np.repeat(np.arange(len(population)), horizon)
    day = place_in_run(trial)
    silent = rng.random(len(population)) < SILENT * np.exp(-population.intent)
    mood = np.exp(MOOD * rng.standard_normal(len(trial)) - MOOD**2 / 2)
    count = rng.poisson(_visits_a_day(parameters, population, trial, day) * mood * ~silent[trial])
    trial, day = np.repeat(trial, count), np.repeat(day, count)
    ahead = np.array([c.ahead for c in COUNTRIES])[population.country[trial]]
    began = (population.start_day[trial] + day) * DAY + working_hours(len(trial), ahead, rng)
    closed = (began >= population.ends[trial]) & (rng.random(len(trial)) >= CLOSED)
    later = began > population.started[trial]
    first = np.flatnonzero(~silent)
    at_once = population.started[first] + (rng.exponential(240, len(first)) * SECOND).astype(np.int64)
    visits = Visits(
        np.concatenate([trial[later], first]),
        np.concatenate([began[later], at_once]),
        np.concatenate([closed[later], np.zeros(len(first), bool)]),
    )
    return _possible(population, decisions, effect, visits)


def _possible(population: Population, decisions: Decisions, effect: Floats, visits: Visits) -> Visits:
    """Without the visits of buyers by trials that no touch could make buy, or not by then."""
    could_buy = decisions.u < sigmoid(decisions.log_odds + most_added(effect))
    since = visits.began - decisions.moment[visits.trial]
    near = (since >= 0) & (since < (STAYS_DAYS + EXTENSION_DAYS) * DAY)
    kept = ~visits.if_bought | (near & could_buy[visits.trial])
    return Visits(visits.trial[kept], visits.began[kept], visits.if_bought[kept])


def _visits_a_day(parameters: Parameters, population: Population, trial: Whole, day: Whole) -> Floats:
    """Expected visits of a trial on its day: curiosity fades for all alike, and what they need remains."""
    traits = PULL_INTENT * population.intent + PULL_FIT * population.fit + PULL_TEAM * population.team
    shown = 1 - np.exp(-(day + 0.5) / REVEALING_DAYS)
    curious = CURIOSITY * np.exp(-day / CURIOSITY_DAYS)
    calendar = np.array([[*WORKDAYS, sector.weekend, sector.weekend] for sector in SECTORS])
    today = population.start_day[trial] + day
    wanted: Floats = VISITS * np.exp((traits + population.habit)[trial] * shown + curious)
    visits: Floats = wanted / (1 + wanted / MOST_VISITS) * calendar[population.sector[trial], weekday(today)]
    return visits * np.exp(season(parameters.drifts, today)) if parameters.drifts else visits

"""All of the simulated business that is settled before anybody acts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_pipeline.capabilities.simulation.acts import act_shares
from churn_pipeline.capabilities.simulation.calendar import Floats, Whole
from churn_pipeline.capabilities.simulation.climate import Climate, draw_climate
from churn_pipeline.capabilities.simulation.outcome import Decisions, Outcome, decide, draw_decisions
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.policy import CALL_DAY, Plan, plan
from churn_pipeline.capabilities.simulation.population import Population, draw_population
from churn_pipeline.capabilities.simulation.reference import in_crm
from churn_pipeline.capabilities.simulation.touches import Touches, effects
from churn_pipeline.capabilities.simulation.usage import Usage, draw_usage, visits_before


@dataclass(frozen=True, slots=True)
class Business:
    """All that is settled before anybody acts: who comes, how they decide, what they do, what the company plans."""

    parameters: Parameters
    population: Population
    climate: Climate
    effect: Floats
    """What a touch of each kind adds to the log-odds of each trial (trials by kinds)."""
    decisions: Decisions
    usage: Usage
    plan: Plan
    act_shares: Floats
    """Cumulated shares of the acts of each trial (trials by acts)."""
    in_crm: Whole
    """Moment at which the contact of each trial stands in the CRM."""

    def outcome(self, touches: Touches) -> Outcome:
        """What becomes of the trials under these touches."""
        return decide(self.population, self.decisions, touches, self.effect)


def draw_business(parameters: Parameters) -> Business:
    """The business of these parameters. Population, climate, decisions and usage draw from streams of their own."""
    who, what, how, where = (np.random.default_rng(s) for s in np.random.SeedSequence(parameters.seed).spawn(4))
    population = draw_population(parameters, who)
    climate = draw_climate(parameters, where)
    effect = effects(parameters, population)
    decisions = draw_decisions(parameters, population, climate, what)
    usage = draw_usage(parameters, population, decisions, effect, how)
    return Business(
        parameters,
        population,
        climate,
        effect,
        decisions,
        usage,
        plan(parameters, population, visits_before(population, usage, CALL_DAY)),
        act_shares(population),
        in_crm(parameters.seed, population),
    )

"""The simulated business as tables of door 1, with the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.ids import opaque
from churn_pipeline.capabilities.simulation.outcome import Outcome, draw_outcome
from churn_pipeline.capabilities.simulation.parameters import CHANNELS, COUNTRIES, PLANS, PRICES, SECTORS, Parameters
from churn_pipeline.capabilities.simulation.population import Floats, Population, Whole, draw_population
from churn_pipeline.capabilities.simulation.usage import EVENTS as KINDS
from churn_pipeline.capabilities.simulation.usage import FEATURES, LOGIN, NOBODY, Usage, draw_usage
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    import pyarrow as pa

USERS = 4_096
"""More users than any trial has."""


@dataclass(frozen=True, slots=True)
class World:
    """What the business has on record, as Arrow tables in the raw contract, each in the order in which it was known."""

    trials: pa.Table
    events: pa.Table
    subscriptions: pa.Table
    truth: pa.Table
    """trial_id and probability: the truth about each trial, which no source and no feature holds."""

    def known_before(self, moment: datetime) -> World:
        """The world as it was strictly before `moment`: later records do not exist, nor the truth of later trials."""
        import pyarrow.compute as pc

        trials = _known_before(self.trials, TRIALS, moment)
        return World(
            trials=trials,
            events=_known_before(self.events, EVENTS, moment),
            subscriptions=_known_before(self.subscriptions, SUBSCRIPTIONS, moment),
            truth=self.truth.filter(pc.is_in(self.truth["trial_id"], value_set=trials["trial_id"])),
        )


def simulate(parameters: Parameters) -> World:
    """The world of these parameters. Population, outcome and usage draw from streams of their own."""
    who, what, how = (np.random.default_rng(s) for s in np.random.SeedSequence(parameters.seed).spawn(3))
    population = draw_population(parameters, who)
    outcome = draw_outcome(population, parameters.base_rate, parameters.grace_days, what)
    usage = draw_usage(parameters, population, outcome, how)
    world = World(
        trials=_trials(population),
        events=_events(usage),
        subscriptions=_subscriptions(population, outcome),
        truth=_truth(outcome),
    )
    return world.known_before(parameters.end)


def _known_before(records: pa.Table, table: Table, moment: datetime) -> pa.Table:
    """The records of which everything was known before `moment` (a null moment was always known)."""
    import pyarrow.compute as pc

    known = (pc.fill_null(pc.less(records[name], moment), True) for name in table.known_at)
    return records.filter(reduce(pc.and_, known))


def _trials(population: Population) -> pa.Table:
    n = len(population)
    known = population.known
    return _table(
        TRIALS,
        n,
        trial_id=opaque(np.arange(n), "t_"),
        account_id=opaque(np.arange(n), "a_"),
        started_at=_moments(population.started),
        trial_days=population.trial_days,
        plan=_words(population.plan, PLANS),
        channel=_words(population.channel, [c.name for c in CHANNELS], known["channel"]),
        sector=_words(population.sector, [s.name for s in SECTORS], known["sector"]),
        country=_words(population.country, [c.code for c in COUNTRIES], known["country"]),
        company_size=_numbers(population.company_size, known["company_size"]),
        consent_profiling=population.consent,
    )


def _events(usage: Usage) -> pa.Table:
    n = len(usage.trial)
    names = [kind if not feature else "feature_used" for kind, feature in zip(KINDS, FEATURES, strict=True)]
    return _table(
        EVENTS,
        n,
        event_id=opaque(np.arange(n), "e_"),
        trial_id=opaque(usage.trial, "t_"),
        user_id=opaque(usage.trial * USERS + usage.user, "u_"),
        session_id=_only(usage.visit != NOBODY, opaque(usage.visit, "s_")),
        occurred_at=_moments(usage.occurred),
        received_at=_moments(usage.received),
        event_name=_words(usage.event, names),
        feature=_words(usage.event, KINDS, FEATURES[usage.event]),
        value=_numbers(usage.value, FEATURES[usage.event]),
        properties=_words(usage.visit % len(DEVICES), DEVICES, usage.event == LOGIN),
    )


DEVICES = ('{"device": "web"}', '{"device": "web"}', '{"device": "mobile"}')
"""On what a visit happens; the last one a third of the time, whoever it is."""


def _subscriptions(population: Population, outcome: Outcome) -> pa.Table:
    import pyarrow as pa

    trial = np.flatnonzero(outcome.converted)
    trial = trial[np.argsort(outcome.converted_at[trial], kind="stable")]
    seats = np.clip(np.round(0.6 * population.company_size[trial] ** 0.7), 1, 500)
    mrr = (seats * np.array(PRICES)[population.plan[trial]]).astype(np.int32)
    return _table(
        SUBSCRIPTIONS,
        len(trial),
        subscription_id=opaque(trial, "b_"),
        trial_id=opaque(trial, "t_"),
        started_at=_moments(outcome.converted_at[trial]),
        plan=_words(population.plan[trial], PLANS),
        mrr=pa.array(mrr).cast(pa.decimal128(18, 4)),
        currency=_words(population.country[trial], [c.currency for c in COUNTRIES]),
    )


def _truth(outcome: Outcome) -> pa.Table:
    import pyarrow as pa

    ids = opaque(np.arange(len(outcome.probability)), "t_")
    return pa.table({"trial_id": ids, "probability": outcome.probability})


def _table(table: Table, rows: int, **columns: object) -> pa.Table:
    """The columns in the contract's order and types; a column that is not given is null throughout."""
    import pyarrow as pa

    schema = arrow_schema(table)
    given = [columns.get(field.name) for field in schema]
    filled = [pa.nulls(rows, f.type) if c is None else pa.array(c) for f, c in zip(schema, given, strict=True)]
    return pa.table(filled, names=list(schema.names)).cast(schema)


def _moments(milliseconds: Whole) -> pa.Array:
    import pyarrow as pa

    return pa.array(milliseconds * 1_000).view(pa.timestamp("us", tz="UTC"))


def _words(places: Whole, words: tuple[str, ...] | list[str], known: object = None) -> pa.Array:
    import pyarrow as pa

    return pa.array(words).take(_numbers(places, known))


def _numbers(numbers: Whole | Floats, known: object = None) -> pa.Array:
    import pyarrow as pa

    return pa.array(numbers, mask=None if known is None else ~np.asarray(known))


def _only(known: object, values: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(known, values, None)

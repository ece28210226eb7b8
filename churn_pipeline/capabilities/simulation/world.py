"""The simulated business as tables of door 1, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation import records, revenue
from churn_pipeline.capabilities.simulation.arrow import known_before
from churn_pipeline.capabilities.simulation.business import Business, draw_business
from churn_pipeline.capabilities.simulation.calendar import ALWAYS, Whole
from churn_pipeline.capabilities.simulation.dirt import draw_dirt
from churn_pipeline.capabilities.simulation.outcome import Outcome, sent
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.reference import contacts, indicators
from churn_pipeline.capabilities.simulation.response import draw_response
from churn_pipeline.capabilities.simulation.touches import Touches
from churn_pipeline.capabilities.simulation.truth import truth
from churn_pipeline.capabilities.simulation.usage import Usage, together
from churn_pipeline.contracts.raw import EVENTS, RAW_TABLES, SUBSCRIPTIONS, TRIALS

if TYPE_CHECKING:
    import pyarrow as pa

Window = tuple[int, int]
"""Moments from the first up to and without the second."""


@dataclass(frozen=True, slots=True)
class World:
    """What the business has on record, as Arrow tables in the raw contract, each in the order in which it was known."""

    trials: pa.Table
    events: pa.Table
    subscriptions: pa.Table
    invoices: pa.Table
    touches: pa.Table
    assignments: pa.Table
    contacts: pa.Table
    indicators: pa.Table
    dirt: pa.Table
    """What is delivered a second time: table_name, rule (which the line breaks, or `copy`), known_at, line."""
    truth: pa.Table
    """The truth about each trial, which no source and no feature holds: see `truth.truth`."""

    @property
    def raw(self) -> dict[str, pa.Table]:
        """The raw tables by name."""
        return {table.name: getattr(self, table.name) for table in RAW_TABLES}

    def known_before(self, moment: datetime) -> World:
        """The world as it was strictly before `moment`: later records do not exist, nor the truth of later trials."""
        import pyarrow.compute as pc

        raw = {table.name: known_before(self.raw[table.name], table, moment) for table in RAW_TABLES}
        return World(
            **raw,
            dirt=self.dirt.filter(pc.less(self.dirt["known_at"], moment)),
            truth=self.truth.filter(pc.is_in(self.truth["trial_id"], value_set=raw["trials"]["trial_id"])),
        )


def simulate(parameters: Parameters) -> World:
    """The world of these parameters, with the company's own touches and no others."""
    business = draw_business(parameters)
    window = (ALWAYS, round(parameters.end.timestamp() * 1_000))
    return world(business, business.plan.touches, business.outcome(business.plan.touches), window)


def world(business: Business, touches: Touches, outcome: Outcome, window: Window) -> World:
    """What becomes known in a window of time, given the touches meant for the trials and what becomes of them."""
    parameters, people, plan = business.parameters, business.population, business.plan
    really = sent(touches, outcome)
    usage = _usage(business, really, outcome, window)
    states = revenue.versions(parameters, people, outcome)
    states = states.only(_in_order(states.changed, window))
    paid = revenue.invoices(parameters, people, outcome)
    started, assigned, in_crm = (
        _in_order(moments, window) for moments in (people.started, plan.assigned, business.in_crm)
    )
    trials, events = records.trials(people, started), records.events(usage)
    subscriptions = records.subscriptions(people, states)
    twice = (
        draw_dirt(parameters, TRIALS, started, trials, people.started[started]),
        draw_dirt(parameters, EVENTS, usage.number, events, usage.received),
        draw_dirt(parameters, SUBSCRIPTIONS, states.number, subscriptions, states.changed),
    )
    return World(
        trials=trials,
        events=events,
        subscriptions=subscriptions,
        invoices=records.invoices(people, paid.only(_in_order(paid.paid, window))),
        touches=records.touches(really.only(_in_order(really.sent, window))),
        assignments=records.assignments(assigned, plan.arm[assigned], plan.assigned[assigned]),
        contacts=contacts(parameters.seed, in_crm, business.in_crm[in_crm]),
        indicators=indicators(business.climate, window),
        dirt=_by_moment(joined(twice)),
        truth=truth(business, outcome, started),
    )


def joined(parts: Iterable[pa.Table]) -> pa.Table:
    """The rows of all parts, in one piece."""
    import pyarrow as pa

    return pa.concat_tables(parts).combine_chunks()


def _by_moment(dirt: pa.Table) -> pa.Table:
    return dirt.take(np.argsort(dirt["known_at"].to_numpy(), kind="stable"))


def _usage(business: Business, really: Touches, outcome: Outcome, window: Window) -> Usage:
    """The events that become known in the window, those that the touches bring among them, in order."""
    first, last = np.searchsorted(business.usage.received, window)
    base = business.usage.only(slice(first, last))
    response = draw_response(business.parameters, business.population, business.act_shares, really, window)
    response = response.only(_in_order(response.received, window))
    usage = together(base.only(base.happens(outcome)), response)
    return usage.only(np.argsort(usage.received, kind="stable"))


def _in_order(moments: Whole, window: Window) -> Whole:
    """Which entries fall into the window, in order of their moments."""
    which = np.flatnonzero((moments >= window[0]) & (moments < window[1]))
    return which[np.argsort(moments[which], kind="stable")]

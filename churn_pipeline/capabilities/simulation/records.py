"""What the business has on record, made of what happens in it: one function a table of door 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.arrow import amounts, in_contract, moments, numbers, only, words
from churn_pipeline.capabilities.simulation.calendar import Whole
from churn_pipeline.capabilities.simulation.catalogue import CHANNELS, COUNTRIES, PLANS, SECTORS
from churn_pipeline.capabilities.simulation.ids import opaque
from churn_pipeline.capabilities.simulation.policy import ARMS, EXPERIMENT
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.capabilities.simulation.revenue import MONTHS, Invoices, Versions
from churn_pipeline.capabilities.simulation.touches import BY_EXPERIMENT, KINDS, Touches
from churn_pipeline.capabilities.simulation.usage import EVENTS as EVENT_NAMES
from churn_pipeline.capabilities.simulation.usage import FEATURES, LOGIN, NOBODY, Usage
from churn_pipeline.contracts.raw import (
    ASSIGNMENTS,
    EVENTS,
    INVOICES,
    SUBSCRIPTIONS,
    TOUCHES,
    TRIALS,
)

if TYPE_CHECKING:
    import pyarrow as pa

USERS = 4_096
"""More users than any trial has."""
DEVICES = ('{"device": "web"}', '{"device": "web"}', '{"device": "mobile"}')
"""On what a visit happens; the last one a third of the time, whoever it is."""


def trial_id(trial: Whole) -> pa.Array:
    """The ids of trials."""
    return opaque(trial, "t_")


def trials(population: Population, which: Whole) -> pa.Table:
    """Some of the trials."""
    known = {name: flags[which] for name, flags in population.known.items()}
    return in_contract(
        TRIALS,
        trial_id=trial_id(which),
        account_id=opaque(which, "a_"),
        started_at=moments(population.started[which]),
        trial_days=population.trial_days[which],
        plan=words(population.plan[which], PLANS),
        channel=words(population.channel[which], [c.name for c in CHANNELS], known["channel"]),
        sector=words(population.sector[which], [s.name for s in SECTORS], known["sector"]),
        country=words(population.country[which], [c.code for c in COUNTRIES], known["country"]),
        company_size=numbers(population.company_size[which], known["company_size"]),
        consent_profiling=population.consent[which],
    )


def events(usage: Usage) -> pa.Table:
    """The events, in the order in which they stand."""
    names = [kind if not feature else "feature_used" for kind, feature in zip(EVENT_NAMES, FEATURES, strict=True)]
    return in_contract(
        EVENTS,
        event_id=opaque(usage.number, "e_"),
        trial_id=trial_id(usage.trial),
        user_id=opaque(usage.trial * USERS + usage.user, "u_"),
        session_id=only(usage.visit != NOBODY, opaque(usage.visit, "s_")),
        occurred_at=moments(usage.occurred),
        received_at=moments(usage.received),
        event_name=words(usage.event, names),
        feature=words(usage.event, EVENT_NAMES, FEATURES[usage.event]),
        value=numbers(usage.value, FEATURES[usage.event]),
        properties=words(usage.visit % len(DEVICES), DEVICES, usage.event == LOGIN),
    )


def subscriptions(population: Population, versions: Versions) -> pa.Table:
    """The states of the subscriptions."""
    trial = versions.trial
    return in_contract(
        SUBSCRIPTIONS,
        subscription_id=opaque(trial, "b_"),
        trial_id=trial_id(trial),
        started_at=moments(versions.started),
        plan=words(population.plan[trial], PLANS),
        mrr=amounts(versions.mrr),
        currency=currency(population, trial),
        cancelled_at=moments(versions.changed, versions.cancelled),
        updated_at=moments(versions.changed, versions.month > 0),
    )


def invoices(population: Population, paid: Invoices) -> pa.Table:
    """The charges and refunds."""
    number = (paid.trial * MONTHS + paid.month) * 2 + paid.refund
    return in_contract(
        INVOICES,
        invoice_id=opaque(number, "i_"),
        subscription_id=opaque(paid.trial, "b_"),
        paid_at=moments(paid.paid),
        amount=amounts(paid.amount),
        currency=currency(population, paid.trial),
        kind=words(paid.refund.astype(np.int64), ["charge", "refund"]),
    )


def touches(sent: Touches) -> pa.Table:
    """The touches that were sent."""
    in_experiment = sent.by == BY_EXPERIMENT
    return in_contract(
        TOUCHES,
        touch_id=opaque(sent.number, "c_"),
        trial_id=trial_id(sent.trial),
        kind=words(sent.kind, [kind.name for kind in KINDS]),
        sent_at=moments(sent.sent),
        cost=amounts(np.round(np.array([100 * kind.cost for kind in KINDS])).astype(np.int64)[sent.kind]),
        experiment_id=words(np.zeros(len(sent), np.int64), [EXPERIMENT], in_experiment),
        arm=words(sent.kind, [kind.name for kind in KINDS], in_experiment),
    )


def assignments(trial: Whole, arm: Whole, assigned: Whole) -> pa.Table:
    """Which arm trials drew, and when."""
    return in_contract(
        ASSIGNMENTS,
        experiment_id=words(np.zeros(len(trial), np.int64), [EXPERIMENT]),
        trial_id=trial_id(trial),
        arm=words(arm, [name for name, _ in ARMS]),
        assigned_at=moments(assigned),
    )


def currency(population: Population, trial: Whole) -> pa.Array:
    """What trials pay in."""
    return words(population.country[trial], [c.currency for c in COUNTRIES])

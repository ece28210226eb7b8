"""What lies beside usage and money: the people behind the trials, and what is published about their sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.arrow import in_contract, moments, numbers, only, words
from churn_pipeline.capabilities.simulation.calendar import DAY, SECOND, Floats, Whole
from churn_pipeline.capabilities.simulation.catalogue import SECTORS
from churn_pipeline.capabilities.simulation.climate import FIRST_LAG_DAYS, INDICATORS, REVISED_LAG_DAYS, Climate
from churn_pipeline.capabilities.simulation.ids import opaque
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.population import Population
from churn_pipeline.contracts.raw import CONTACTS
from churn_pipeline.contracts.raw import INDICATORS as INDICATORS_TABLE

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_NAMES = ("Ada", "Ben", "Chidi", "Dana", "Emil", "Fatima", "Greta", "Hugo", "Ines", "Jonas", "Kemal", "Lena")
LAST_NAMES = (
    "Abel",
    "Brandt",
    "Costa",
    "Dubois",
    "Ek",
    "Fischer",
    "Garcia",
    "Haas",
    "Ivanov",
    "Jansen",
    "Kaur",
    "Lind",
)
OWNERS = ("Maria", "Noah", "Olga", "Paul")
"""Who of the company looks after a contact."""
NO_EMAIL, OWNED = 0.02, 0.4
"""Share of the contacts without an address, and with an owner."""
IN_CRM_SECONDS = 600
"""Seconds after the start of its trial by which a contact stands in the CRM."""


def contacts(seed: int, which: Whole, known: Whole) -> pa.Table:
    """The person behind each of the trials, made up; `known` is when the CRM has it."""
    import pyarrow.compute as pc

    first, last, owner = (
        words((uniform(seed, f"contact/{what}", which) * len(names)).astype(np.int64), names)
        for what, names in (("first", FIRST_NAMES), ("last", LAST_NAMES), ("owner", OWNERS))
    )
    address = pc.utf8_lower(pc.binary_join_element_wise(first, last, opaque(which, ""), "."))
    return in_contract(
        CONTACTS,
        contact_id=opaque(which, "p_"),
        trial_id=opaque(which, "t_"),
        email=only(
            uniform(seed, "contact/email", which) >= NO_EMAIL,
            pc.binary_join_element_wise(address, "example.com", "@"),
        ),
        name=pc.binary_join_element_wise(first, last, " "),
        owner=only(uniform(seed, "contact/owned", which) < OWNED, owner),
        crm_updated_at=moments(known),
    )


def in_crm(seed: int, population: Population) -> Whole:
    """When each contact stands in the CRM."""
    seconds = IN_CRM_SECONDS * uniform(seed, "contact/known", np.arange(len(population)))
    return population.started + (seconds * SECOND).astype(np.int64)


def indicators(climate: Climate, window: tuple[int, int]) -> pa.Table:
    """What is published in the window: each value twice, first with an error and then revised."""
    months, sectors = len(climate.months) - 1, len(SECTORS)
    published = np.concatenate([climate.published(lag) for lag in (FIRST_LAG_DAYS, REVISED_LAG_DAYS)])
    shape = (2, months, len(INDICATORS), sectors)
    values: Floats = np.array(
        [[climate.first[name] for name in INDICATORS], [climate.index[name] for name in INDICATORS]]
    ).transpose(0, 2, 1, 3)
    _, month, indicator, sector = (axis.ravel() for axis in np.indices(shape))
    moment = np.broadcast_to(published.reshape(2, months, 1, 1), shape).ravel()
    order = np.argsort(moment, kind="stable")
    order = order[(moment[order] >= window[0]) & (moment[order] < window[1])]
    return in_contract(
        INDICATORS_TABLE,
        sector=words(sector[order], [s.name for s in SECTORS]),
        indicator=words(indicator[order], INDICATORS),
        period_start=moments(climate.months[month[order]] * DAY),
        value=numbers(values.ravel()[order]),
        published_at=moments(moment[order]),
    )

from __future__ import annotations

import importlib
import pkgutil

import pytest

from churn_pipeline.capabilities import simulation
from churn_pipeline.capabilities.simulation.catalogue import (
    ACTS,
    CHANNELS,
    COUNTRIES,
    SECTORS,
    Channel,
    Country,
    Sector,
)
from churn_pipeline.capabilities.simulation.climate import INDICATORS
from churn_pipeline.capabilities.simulation.drift import DRIFTS
from churn_pipeline.capabilities.simulation.policy import ARMS
from churn_pipeline.capabilities.simulation.touches import KINDS
from churn_pipeline.settings import PROJECT

NO_CAUSE = {"noise", "calendar", "ids", "arrow"}
"""Modules whose numbers are no part of the business."""
PLACES = {"INVITE_SENT", "LOGIN", "ACCEPTED", "NOBODY", "EXTENSION", "MOST", "LONGEST", "BEYOND", "USERS", "CUT"}
PLACES |= {"BY_EXPERIMENT", "BY_SUCCESS", "BY_POLICY", "FORGOTTEN_DAYS", "LATE_SECONDS", "BLOCK", "BITS", "DIGITS"}
TIMES = {"SECOND", "HOUR", "DAY", "MONTH", "NEVER", "ALWAYS"}
"""Places in lists and units of time."""


@pytest.mark.parametrize("kinds", [SECTORS, CHANNELS, COUNTRIES], ids=["sectors", "channels", "countries"])
def test_shares_add_up(kinds: tuple[Sector | Channel | Country, ...]) -> None:
    assert sum(kind.share for kind in kinds) == pytest.approx(1)


def test_every_sector_likes_a_feature_that_exists() -> None:
    assert {sector.likes for sector in SECTORS} <= {act.name for act in ACTS if act.feature}


def test_the_document_names_everything_there_is() -> None:
    text = (PROJECT / "docs" / "simulator.md").read_text()
    names = [
        *(kind.name for kind in (*ACTS, *SECTORS, *CHANNELS, *KINDS)),
        *(country.code for country in COUNTRIES),
        *(name for name, _ in ARMS),
        *INDICATORS,
        *DRIFTS,
    ]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_document_names_every_number_of_the_causal_graph() -> None:
    text = (PROJECT / "docs" / "simulator.md").read_text()
    modules = [m.name for m in pkgutil.iter_modules(simulation.__path__) if m.name not in NO_CAUSE]
    numbers = {
        name: value
        for module in modules
        for name, value in vars(importlib.import_module(f"{simulation.__name__}.{module}")).items()
        if name.isupper() and type(value) in (int, float) and name not in PLACES | TIMES
    }
    assert len(numbers) > 60
    assert [f"{name} = {value}" for name, value in numbers.items() if f"`{name}` {value} " not in text] == []

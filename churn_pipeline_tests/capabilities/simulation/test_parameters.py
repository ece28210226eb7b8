from __future__ import annotations

from datetime import date

import pytest

from churn_pipeline.capabilities.simulation import outcome, population, usage
from churn_pipeline.capabilities.simulation import parameters as parameters_module
from churn_pipeline.capabilities.simulation.parameters import (
    ACTS,
    CHANNELS,
    COUNTRIES,
    SECTORS,
    Channel,
    Country,
    Parameters,
    Sector,
)
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.businesses import parameters


def test_a_world_that_cannot_be_is_refused_with_all_its_offences() -> None:
    with pytest.raises(
        ValueError, match=r"trials=0: at least 1; late_share=2: 0 to 1; base_rate=1: .*; until=2026-01-05"
    ):
        parameters(trials=0, late_share=2, base_rate=1, until=date(2026, 1, 5))


def test_the_settings_choose_the_world() -> None:
    chosen = Parameters.of(Settings(demo_trials=7, demo_from=date(2026, 2, 1), demo_until=date(2026, 3, 1), seed=3))
    assert (chosen.trials, chosen.first_day, chosen.until, chosen.seed) == (7, date(2026, 2, 1), date(2026, 3, 1), 3)


@pytest.mark.parametrize("kinds", [SECTORS, CHANNELS, COUNTRIES], ids=["sectors", "channels", "countries"])
def test_shares_add_up(kinds: tuple[Sector | Channel | Country, ...]) -> None:
    assert sum(kind.share for kind in kinds) == pytest.approx(1)


def test_the_document_names_every_feature_event_and_attribute() -> None:
    text = (PROJECT / "docs" / "simulator.md").read_text()
    kinds = [
        *(act.name for act in ACTS),
        *(s.name for s in SECTORS),
        *(c.name for c in CHANNELS),
        *(c.code for c in COUNTRIES),
    ]
    assert [name for name in (*kinds, *Parameters.__slots__) if f"`{name}`" not in text] == []


def test_the_document_names_every_number_of_the_causal_graph() -> None:
    text = (PROJECT / "docs" / "simulator.md").read_text()
    places_and_units = {"INVITE_SENT", "LOGIN", "ACCEPTED", "NEVER", "NOBODY", "DAY", "SECOND"}
    numbers = {
        name: value
        for module in (parameters_module, population, outcome, usage)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, float | int) and name not in places_and_units
    }
    assert len(numbers) > 20
    assert [f"{name} = {value}" for name, value in numbers.items() if f"`{name}` {value} " not in text] == []


def test_every_sector_likes_a_feature_that_exists() -> None:
    assert {sector.likes for sector in SECTORS} <= {act.name for act in ACTS if act.feature}

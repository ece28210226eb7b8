from __future__ import annotations

from datetime import date

import pytest

from churn_pipeline.capabilities.simulation.drift import Drift
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.businesses import parameters


def test_a_world_that_cannot_be_is_refused_with_all_its_offences() -> None:
    with pytest.raises(
        ValueError,
        match=r"trials=0: at least 1; late_share=2: 0 to 1; base_rate=1: .*; outcome=luck: .*; until=2026-01-05",
    ):
        parameters(trials=0, late_share=2, base_rate=1, outcome="luck", until=date(2026, 1, 5))


def test_the_settings_choose_the_world() -> None:
    chosen = Parameters.of(Settings(demo_trials=7, demo_from=date(2026, 2, 1), demo_until=date(2026, 3, 1), seed=3))
    assert (chosen.trials, chosen.first_day, chosen.until, chosen.seed) == (7, date(2026, 2, 1), date(2026, 3, 1), 3)


def test_the_settings_choose_what_goes_wrong_and_what_changes() -> None:
    chosen = Parameters.of(
        Settings(demo_again_share=0.2, demo_damaged_share=0.3, demo_touches=False, demo_drift="price:2026-05-01:0.2")
    )
    assert (chosen.again_share, chosen.damaged_share, chosen.touches) == (0.2, 0.3, False)
    assert chosen.drifts == (Drift("price", date(2026, 5, 1), 0.2),)


def test_the_document_names_every_parameter() -> None:
    text = (PROJECT / "docs" / "simulator.md").read_text()
    assert [name for name in Parameters.__slots__ if f"`{name}`" not in text] == []

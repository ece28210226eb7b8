from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import day_number
from churn_pipeline.capabilities.simulation.drift import DRIFTS, Drift, read_drifts, season, strength

START = date(2026, 4, 1)
DAYS = day_number(START) + np.array([-1, 0, 100])


def test_a_drift_has_no_strength_before_its_day_and_all_of_it_from_then_on() -> None:
    drifts = (Drift("concept", START, 0.5), Drift("price", START, 2.0))
    assert strength(drifts, "concept", DAYS).tolist() == [0, 0.5, 0.5]
    assert strength((), "concept", DAYS).tolist() == [0, 0, 0]


def test_drifts_of_one_kind_add_up() -> None:
    drifts = (Drift("price", START, 0.2), Drift("price", date(2026, 5, 1), 0.1))
    assert strength(drifts, "price", DAYS) == pytest.approx([0, 0.2, 0.3])


def test_the_season_swings_by_its_strength() -> None:
    year = season((Drift("seasonality", START, 0.4),), day_number(START) + np.arange(366))
    assert (year.min(), year.max()) == pytest.approx((-0.4, 0.4), abs=0.001)


@pytest.mark.parametrize("kind", DRIFTS)
def test_a_setting_names_kind_day_and_strength(kind: str) -> None:
    assert read_drifts(f" {kind}:2026-04-01:0.25, {kind}:2026-05-01:-1") == (
        Drift(kind, START, 0.25),
        Drift(kind, date(2026, 5, 1), -1.0),
    )
    assert read_drifts("") == ()


@pytest.mark.parametrize("text", ["concept", "concept:tomorrow:1", "concept:2026-04-01", "gravity:2026-04-01:1"])
def test_what_is_no_drift_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: kind:first day:strength|there are: channel_mix"):
        read_drifts(text)

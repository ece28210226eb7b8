from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.contracts.features.trial import TRIAL
from churn_pipeline.contracts.raw import RAW_TABLES, TRIALS
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize import indicators
from churn_pipeline.core.featurize.looks import landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, days, publications, remembered

STARTS = [BEGIN + timedelta(days=day, hours=9) for day in range(0, 20, 2)]
TRIALS_OF_TWO_SECTORS = tuple(
    {"trial_id": f"t{n}", "account_id": "a", "started_at": at, "trial_days": 14, "sector": ("health", "retail")[n % 2]}
    for n, at in enumerate(STARTS)
)


def known(world: SmallWorld, day: datetime) -> dict[tuple[str, datetime], Any]:
    """The indicators of every landmark look up to a day."""
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=day)
        query = snapshots_query(landmark_looks((1, 3, 7, 14), sql_instant(day)), features=TRIAL)
        rows = connection.execute(f"select trial_id, as_of, indicators from ({query})").fetchall()
    return {(trial, as_of): found for trial, as_of, found in rows}


@pytest.mark.flow
@settings(max_examples=40, deadline=None)
@given(published=publications(), day=days())
def test_each_look_knows_what_one_finds_by_going_through_the_publications_one_by_one(
    published: tuple[dict[str, Any], ...], day: datetime
) -> None:
    world = SmallWorld(TRIALS_OF_TWO_SECTORS, indicators=published)
    sectors = {row["trial_id"]: row["sector"] for row in world.rows(TRIALS)}
    for (trial, as_of), found in known(world, day).items():
        by_then = [r for r in published if r["published_at"] < as_of and r["sector"] == sectors[trial]]
        in_order = sorted(by_then, key=lambda r: (r["period_start"], r["published_at"]))
        assert found == ({r["indicator"]: min(r["value"], 1e12) for r in in_order} or None)


@pytest.mark.flow
@settings(max_examples=20, deadline=None)
@given(published=publications(), day=days(), later=st.integers(0, 10))
def test_publications_at_or_after_a_look_change_nothing(
    published: tuple[dict[str, Any], ...], day: datetime, later: int
) -> None:
    world = SmallWorld(TRIALS_OF_TWO_SECTORS, indicators=published)
    looked_back = known(world, day + timedelta(days=later))
    then = known(replace(world, indicators=tuple(r for r in published if r["published_at"] < day)), day)
    assert {look: found for look, found in looked_back.items() if look[1] <= day} == then


def test_what_is_read_is_named() -> None:
    read = {word for word in re.findall(r"\w+", indicators.TOLD) if word.startswith("indicators")}
    assert read == set(indicators.RELATIONS)

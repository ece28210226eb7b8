"""Looks against their peers: what one finds by going through all looks one by one, and nothing of what came later."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.contracts.features.catalogue import FEATURES
from churn_pipeline.contracts.features.feature import Peers
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize import peers
from churn_pipeline.core.featurize.looks import Looks, landmark_looks, running_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, answer, crowd, remembered, seeds

END = BEGIN + timedelta(days=40)
EVERY_DAY = tuple(range(1, 15))
COMPARISONS = [feature for feature in FEATURES if isinstance(feature.over, Peers)]
Seen = dict[tuple[str, datetime], dict[str, Any]]


def looked(world: SmallWorld, day: datetime, looks: Looks) -> Seen:
    """The snapshots of a world by trial and instant, from what is known before a day."""
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=day)
        gather(lake, connection, looks, before=day)
        rows = answer(connection, snapshots_query(looks, named=())).to_pylist()
    return {(row["trial_id"], row["as_of"]): row for row in rows}


@cache
def landmarks(seed: int, day: datetime = END) -> Seen:
    return looked(crowd(seed, trials=180, events=8), day, landmark_looks(EVERY_DAY, sql_instant(day)))


@cache
def week(at: datetime) -> datetime:
    return (at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0)


def by_hand(look: dict[str, Any], same_day: list[dict[str, Any]], over: Peers) -> tuple[float | None, float | None]:
    """Standard deviations from the mean, and share of peers below, by going through all looks of the same trial day."""
    until, segment = week(look["started_at"]), look[over.segment]
    since = until - timedelta(weeks=peers.WEEKS)
    values = [
        other[over.of]
        for other in same_day
        if segment is not None and other[over.segment] == segment and since <= week(other["started_at"]) < until
    ]
    if len(values) < peers.LEAST:
        return None, None
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    below = sum((value < look[over.of]) + (value == look[over.of]) / 2 for value in values)
    return ((look[over.of] - mean) / spread, below / len(values)) if spread else (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(3))
def test_a_look_is_compared_with_earlier_trials_of_its_segment_at_the_same_trial_day(seed: int) -> None:
    seen = landmarks(seed)
    same_day = {day: [look for look in seen.values() if look["trial_day"] == day] for day in EVERY_DAY}
    compared = 0
    for look in seen.values():
        for over in peers.compared(FEATURES):
            spread, rank = by_hand(look, same_day[look["trial_day"]], over)
            told = {f.name: look[f.name] for f in COMPARISONS if f.over == over}
            expected = [(spread if "_z_" in name else rank) for name in told]
            assert list(told.values()) == pytest.approx(expected, abs=1e-9), look["trial_id"]
            compared += rank is not None
    assert compared > 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("days", [9, 13, 17, 21])
def test_what_comes_later_changes_nothing_and_later_trials_of_the_segment_do_not_either(seed: int, days: int) -> None:
    day = BEGIN + timedelta(days=days)
    then = looked(crowd(seed, trials=180, events=8).known_before(day), day, landmark_looks(EVERY_DAY, sql_instant(day)))
    assert {key: row for key, row in landmarks(seed).items() if key[1] <= day} == then


@pytest.mark.parametrize("days", [12, 16, 20])
def test_the_daily_job_compares_with_the_same_trials_as_training_does(days: int) -> None:
    day, past = BEGIN + timedelta(days=days), landmarks(1)
    daily = looked(crowd(1, trials=180, events=8), day, running_looks(sql_instant(day)))
    both = [key for key in daily if key in past]  # the last day of the planned ones is looked at by both
    assert [daily[key] for key in both] == [past[key] for key in both]
    assert sum(daily[key][f.name] is not None for key in both for f in COMPARISONS) > 5


def test_who_started_in_the_same_week_or_too_long_before_is_no_peer() -> None:
    with remembered(crowd(1)) as (_, connection):
        connection.execute(
            "create temp table trials as select 't' || n as trial_id, timestamptz '2024-01-01' + n * interval 1 day as started_at, "
            "14 as trial_days from range(60) r(n)"
        )
        looks = Looks("select 't45' as trial_id, timestamptz '2024-02-18 17:00' as as_of")  # a Thursday, day 3
        found = connection.execute(peers.peer_looks(looks)).fetchall()
    starts = sorted(as_of.date() - timedelta(days=3) for _, as_of in found)
    assert (starts[0].isoformat(), starts[-1].isoformat(), len(starts)) == ("2024-01-15", "2024-02-11", 28)


def test_of_many_trials_of_a_week_a_bounded_number_is_drawn_whatever_else_starts() -> None:
    with remembered(crowd(1)) as (_, connection):
        connection.execute(
            f"create temp table trials as select 't' || n as trial_id, timestamptz '2024-01-01' + (n % 14) * interval 1 day as started_at, "
            f"14 as trial_days from range({3 * peers.MOST}) r(n)"
        )
        looks = Looks("select trial_id, started_at + interval 3 day as as_of from trials")
        drawn = {trial for trial, _ in connection.execute(peers.peer_looks(looks)).fetchall()}
        connection.execute("delete from trials where started_at >= '2024-01-08' and trial_id not in ('t7', 't8')")
        again = {trial for trial, _ in connection.execute(peers.peer_looks(looks)).fetchall()}
    assert len(drawn) == peers.MOST
    assert again == drawn


def test_a_query_of_looks_says_whether_it_needs_peers() -> None:
    assert peers.compares(snapshots_query(Looks("looks")))
    assert not peers.compares(snapshots_query(Looks("looks"), features=[f for f in FEATURES if f.grain]))

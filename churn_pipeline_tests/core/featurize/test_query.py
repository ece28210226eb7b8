"""The one definition of a snapshot: what it must never know, and what must not change it."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.contracts.features.catalogue import FEATURES, REGISTERED
from churn_pipeline.contracts.lake import SNAPSHOTS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import Looks, landmark_looks, running_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, answer, crowd, days, landed, remembered, several, tried

pytestmark = pytest.mark.flow

LANDMARKS = (1, 3, 7, 14)


def snapshots(world: SmallWorld, day: datetime, *, looks: Looks | None = None) -> pa.Table:
    """The snapshots of a world as of a day, in a fixed order."""
    with remembered(world) as (lake, connection):
        return looked_at(lake, connection, day, looks=looks)


def looked_at(lake: Lake, connection: DuckDBPyConnection, day: datetime, *, looks: Looks | None = None) -> pa.Table:
    """The snapshots of a lake as of a day, bucket by bucket, in a fixed order."""
    wanted = looks or landmark_looks(LANDMARKS, sql_instant(day))
    lake.known(connection, RAW_TABLES, before=day)
    gather(lake, connection, wanted, before=day)
    parts = [answer(connection, snapshots_query(wanted, bucket=b)) for b in range(lake.buckets)]
    return pa.concat_tables(parts).sort_by([("trial_id", "ascending"), ("as_of", "ascending")])


def row(table: pa.Table, trial: str, day: datetime) -> dict[str, Any]:
    """The snapshot of one trial as of one day."""
    found: list[dict[str, Any]] = [r for r in table.to_pylist() if r["trial_id"] == trial and r["as_of"] == day]
    assert len(found) == 1
    return found[0]


@pytest.mark.flow
@tried(10)
@given(world=several(), day=days(), later=st.one_of(st.just(0), st.integers(1, 20)))
def test_a_landmark_snapshot_is_the_snapshot_the_daily_job_would_have_made_from_what_was_known_then(
    world: SmallWorld, day: datetime, later: int
) -> None:
    """Looked back at on the day itself or later: what has become known since changes no feature."""
    looked_back = snapshots(world, day + timedelta(days=later))
    then = snapshots(world.known_before(day), day)
    assert looked_back.filter(pc.less_equal(looked_back["as_of"], pa.scalar(day))).equals(then)


@pytest.mark.flow
@tried(6)
@given(world=several(), day=days(), seed=st.integers(0, 99), buckets=st.integers(1, 3), batches=st.integers(1, 3))
def test_order_partitions_and_batches_of_the_input_change_nothing(
    world: SmallWorld, day: datetime, seed: int, buckets: int, batches: int
) -> None:
    shuffled = replace(world, events=tuple(random.Random(seed).sample(world.events, len(world.events))))
    with (
        tempfile.TemporaryDirectory() as folder,
        landed(shuffled, Path(folder), buckets=buckets, batches=batches) as (lake, connection),
    ):
        assert looked_at(lake, connection, day).equals(snapshots(world, day))


@pytest.mark.flow
@tried(6)
@given(world=several(), day=days())
def test_running_trials_have_started_have_days_left_and_have_not_converted(world: SmallWorld, day: datetime) -> None:
    seen = {r["trial_id"] for r in snapshots(world, day, looks=running_looks(sql_instant(day))).to_pylist()}
    converted = {s["trial_id"] for s in world.subscriptions if s["started_at"] < day}
    running = {
        t["trial_id"]
        for t in world.trials
        if t["started_at"] < day and (day.date() - t["started_at"].date()).days <= t["trial_days"]
    }
    assert seen == running - converted


@pytest.fixture(scope="module")
def small() -> SmallWorld:
    start = BEGIN + timedelta(hours=10)
    trial = {"trial_id": "t", "account_id": "a", "started_at": start, "trial_days": 14, "plan": "pro"}
    silent = {"trial_id": "silent", "account_id": "b", "started_at": start, "trial_days": 14}
    events = tuple(
        {
            "event_id": f"e{i}",
            "trial_id": "t",
            "user_id": user,
            "session_id": f"s{i // 2}",
            "occurred_at": start + timedelta(hours=hour),
            "received_at": start + timedelta(hours=hour + late),
            "event_name": name,
            "feature": used,
            "value": value,
        }
        for i, (hour, late, name, used, user, value) in enumerate(
            [
                (1, 0, "login", None, "u1", None),
                (2, 0, "feature_used", "reports", "u1", 4.0),
                (30, 0, "login", None, "u2", None),
                (31, 0, "feature_used", "reports", "u2", 6.0),
                (32, 0, "feature_used", "export", "u2", None),
                (33, 40, "feature_used", "late", "u3", None),
            ]
        )
    )
    touch = {"touch_id": "c", "trial_id": "t", "kind": "email", "sent_at": start + timedelta(hours=20)}
    arm = {"experiment_id": "x", "trial_id": "t", "arm": "control", "assigned_at": start}
    return SmallWorld((trial, silent), events, (), (touch,), (arm,))


def test_the_features_of_a_small_world_are_what_one_counts_by_hand(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=2)
    known = row(snapshots(small, day, looks=running_looks(sql_instant(day))), "t", day)
    assert known["trial_day"] == 2
    assert known["assigned"] == '{"x":"control"}'
    assert dict(known["events_by_name"]) == {"feature_used": 3, "login": 2}
    assert dict(known["uses_by_feature"]) == {"reports": 2, "export": 1}
    expected = {
        "events_total": 5, "events_1d": 3, "velocity_1d": 1, "active_days": 2, "active_share": 1.0,
        "users_total": 2, "sessions_total": 3, "features_used": 2, "value_total": 10.0, "value_mean": 5.0,
        "hours_since_last_event": 6.0, "hours_to_first_event": 1.0, "touches_total": 1,
        "hours_since_last_touch": 18.0, "days_left": 12, "plan": "pro", "sector": None, "company_size": None,
    }  # fmt: skip
    assert {name: known[name] for name in expected} == expected


def test_a_silent_trial_has_zero_counts_and_null_recency(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=2)
    known = row(snapshots(small, day, looks=running_looks(sql_instant(day))), "silent", day)
    for feature in FEATURES:
        if feature.over:
            assert known[feature.name] == (None if feature.absent else 0), feature.name


def test_a_late_event_counts_from_the_day_after_it_arrived(small: SmallWorld) -> None:
    third, fifth = BEGIN + timedelta(days=3), BEGIN + timedelta(days=5)
    assert row(snapshots(small, third, looks=running_looks(sql_instant(third))), "t", third)["users_total"] == 2
    assert row(snapshots(small, fifth, looks=running_looks(sql_instant(fifth))), "t", fifth)["users_total"] == 3


def test_without_consent_a_trial_is_not_looked_at_even_if_it_was_withdrawn_later(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=2)
    withdrawn = {**small.trials[0], "consent_profiling": False, "updated_at": BEGIN + timedelta(days=9)}
    world = replace(small, trials=(*small.trials, withdrawn))
    assert snapshots(world, day, looks=running_looks(sql_instant(day)))["trial_id"].to_pylist() == ["silent"]


def test_the_snapshot_has_the_declared_columns_in_order(small: SmallWorld) -> None:
    assert tuple(snapshots(small, BEGIN + timedelta(days=2)).column_names) == SNAPSHOTS.names


def test_attributes_are_of_the_version_known_at_the_look_not_at_the_run(small: SmallWorld) -> None:
    third, ninth = BEGIN + timedelta(days=3), BEGIN + timedelta(days=9)
    upgraded = {**small.trials[0], "plan": "paid", "updated_at": BEGIN + timedelta(days=8)}
    world = replace(small, trials=(*small.trials, upgraded))
    looks = Looks(
        f"select 't' as trial_id, unnest([{sql_instant(third)}, {sql_instant(ninth)}]) as as_of", after=(0, 6)
    )
    seen = snapshots(world, BEGIN + timedelta(days=30), looks=looks)
    assert [(r["as_of"], r["plan"]) for r in seen.to_pylist()] == [(third, "pro"), (ninth, "paid")]


def test_where_only_a_later_version_is_known_the_trial_exists_without_attributes(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=3)
    late = {**small.trials[0], "updated_at": BEGIN + timedelta(days=8)}
    world = replace(small, trials=(late, small.trials[1]))
    rows = {r["trial_id"]: r for r in snapshots(world, BEGIN + timedelta(days=30)).to_pylist() if r["as_of"] == day}
    assert rows["t"]["events_total"] == 5
    assert (rows["t"]["plan"], rows["t"]["attributes_known"]) == (None, False)
    assert rows["silent"]["attributes_known"] is True


def test_a_look_that_lies_where_nothing_is_counted_is_refused(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=3)
    looks = Looks(
        f"select 't' as trial_id, unnest([{sql_instant(day)}, {sql_instant(day + timedelta(days=2))}]) as as_of"
    )
    with pytest.raises(duckdb.Error, match="a look at t lies none of 0 days after its first one"):
        snapshots(small, day + timedelta(days=9), looks=looks)


def test_at_any_instant_a_day_is_the_24_hours_before_it(small: SmallWorld) -> None:
    """Real time: the look is at 17:30 of the second day; the events of the first evening are within its last 24 hours."""
    noon = BEGIN + timedelta(days=1, hours=17.5)
    looks = Looks(f"select 't' as trial_id, {sql_instant(noon)} as as_of")
    known = row(snapshots(small, noon, looks=looks), "t", noon)
    assert (known["trial_day"], known["events_total"], known["events_1d"]) == (1, 4, 2)
    assert known["hours_since_last_event"] == 0.5


def test_what_happened_before_the_day_of_the_start_is_not_of_the_trial(small: SmallWorld) -> None:
    day = BEGIN + timedelta(days=3)
    early = {"event_id": "early", "trial_id": "t", "event_name": "login"}
    on_the_day = {**early, "event_id": "on the day", "occurred_at": BEGIN}
    world = replace(small, events=({**early, "occurred_at": BEGIN - timedelta(seconds=1)}, on_the_day))
    assert row(snapshots(world, day), "t", day)["events_total"] == 1


def test_what_is_put_together_by_day_of_arrival_first_is_what_is_counted_at_once() -> None:
    at_once = [replace(f, over=replace(f.grain, dense=False)) if f.grain else f for f in REGISTERED]
    assert at_once != list(REGISTERED)
    day = BEGIN + timedelta(days=30)
    looks = landmark_looks(LANDMARKS, sql_instant(day))
    with remembered(crowd(5, trials=60, events=12)) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=day)
        gather(lake, connection, looks, before=day)
        first, second = (
            connection.sql(
                f"from ({snapshots_query(looks, features=told, named=())}) order by trial_id, as_of"
            ).fetchall()
            for told in (REGISTERED, at_once)
        )
    assert len(first) > 100
    assert first == second

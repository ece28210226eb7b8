from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.peers import gather, reached
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import Looks, landmark_looks
from churn_pipeline_tests.worlds import BEGIN, crowd, landed, remembered

pytestmark = pytest.mark.flow

DAY = BEGIN + timedelta(days=20)


def gathered(lake: Lake, connection: Any) -> list[tuple[object, ...]]:
    """Everything that is known of the peers of the landmark looks up to a day, and that all events are seen again."""
    lake.known(connection, RAW_TABLES, before=DAY)
    events = connection.execute("select count(*) from events").fetchall()
    gather(lake, connection, landmark_looks((1, 3, 7, 14), sql_instant(DAY)), before=DAY)
    assert connection.execute("select count(*) from events").fetchall() == events
    rows: list[tuple[object, ...]] = connection.execute("from peers order by all").fetchall()
    return rows


def test_buckets_order_and_batches_of_the_input_change_nothing(tmp_path: Path) -> None:
    world = crowd(4, trials=120, events=6)
    shuffled = replace(world, events=tuple(random.Random(7).sample(world.events, len(world.events))))
    with remembered(world) as (lake, connection):
        expected = gathered(lake, connection)
    with landed(shuffled, tmp_path, buckets=3, batches=2) as (lake, connection):
        assert gathered(lake, connection) == expected
    assert len(expected) > 100


def test_where_nobody_can_be_a_peer_there_are_none() -> None:
    with remembered(crowd(4, trials=3)) as (lake, connection):
        assert gathered(lake, connection) == []


def test_looks_are_cut_to_the_days_that_trials_reach_and_the_first_start_is_told() -> None:
    with remembered(crowd(4)) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=DAY)
        looks, since = reached(connection, landmark_looks((1, 3, 30), sql_instant(DAY)))
        assert looks.after == (0, 2)
        assert since is not None
        assert BEGIN.date() <= since < DAY.date()
        assert reached(connection, Looks("select trial_id, started_at as as_of from trials where false")) == (
            Looks("select trial_id, started_at as as_of from trials where false"),
            None,
        )

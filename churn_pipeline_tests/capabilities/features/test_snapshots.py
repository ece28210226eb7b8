from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.landmarks import write_landmark_snapshots
from churn_pipeline.capabilities.features.snapshots import (
    Drawn,
    write_labels,
    write_running_snapshots,
    write_training_set,
)
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.lake import LABELS, LANDMARK_SNAPSHOTS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, landed

pytestmark = pytest.mark.flow

DAY = datetime(2024, 3, 11, tzinfo=UTC)


def trial(name: str, day: int, **other: object) -> Row:
    started = BEGIN + timedelta(days=day, hours=9)
    return {"trial_id": name, "account_id": f"a-{name}", "started_at": started, "trial_days": 14} | other


def bought(name: str, day: int) -> Row:
    return {"subscription_id": f"s-{name}", "trial_id": name, "started_at": BEGIN + timedelta(days=day, hours=12)}


def seen(lake: Lake, table: Table) -> list[str]:
    return sorted(lake.read(table.name, DAY)["trial_id"].to_pylist())


def test_running_trials_are_looked_at_and_those_that_bought_ended_or_refused_are_not(tmp_path: Path) -> None:
    """As of day 10 of the world."""
    world = SmallWorld(
        trials=(
            trial("running", 4),
            trial("bought", 4),
            trial("buys later", 4),
            trial("ended", -5),
            trial("last day", -4),
            trial("refused", 4, consent_profiling=False),
            trial("refuses later", 4, consent_profiling=False, updated_at=DAY + timedelta(days=30)),
            trial("not yet", 10),
        ),
        subscriptions=(bought("bought", 9), bought("buys later", 10)),
    )
    with landed(world, tmp_path) as (lake, _):
        assert write_running_snapshots(lake, DAY) == 3
    assert seen(lake, SNAPSHOTS) == ["buys later", "last day", "running"]
    assert set(lake.read("snapshots", DAY)["as_of"].to_pylist()) == {DAY}


def test_landmarks_are_looked_at_whatever_became_of_the_trial(tmp_path: Path) -> None:
    world = SmallWorld(
        trials=(trial("a", 0), trial("b", 0), trial("short", 0, trial_days=3)), subscriptions=(bought("b", 2),)
    )
    with landed(world, tmp_path, buckets=2) as (lake, _):
        written = write_landmark_snapshots(lake, DAY, (1, 7, 10, 14))
    assert written.rows == 7
    assert seen(lake, LANDMARK_SNAPSHOTS) == ["a", "a", "a", "b", "b", "b", "short"]


def test_the_training_set_joins_mature_labels_to_the_days_on_which_the_trial_was_at_risk(tmp_path: Path) -> None:
    world = SmallWorld(
        trials=(trial("stays", -20), trial("buys", -20), trial("open", -10)), subscriptions=(bought("buys", -15),)
    )
    with landed(world, tmp_path) as (lake, _):
        write_landmark_snapshots(lake, DAY, (1, 3, 7))
        assert write_labels(lake, DAY, 7) == 2
        assert write_training_set(lake, DAY, 1_000) == Drawn(5, 5)
    rows = lake.read("training_set", DAY, select="trial_id, trial_day, converted").to_pylist()
    assert {(row["trial_id"], row["trial_day"], row["converted"]) for row in rows} == {
        ("stays", 1, False), ("stays", 3, False), ("stays", 7, False), ("buys", 1, True), ("buys", 3, True),
    }  # fmt: skip


def test_beyond_the_most_rows_whole_trials_are_drawn_and_fewer_of_them_from_among_more(tmp_path: Path) -> None:
    world = SmallWorld(trials=tuple(trial(f"t{n}", -40) for n in range(400)))
    kept = []
    with landed(world, tmp_path, buckets=2) as (lake, _):
        write_landmark_snapshots(lake, DAY, (1, 3, 7))
        assert write_labels(lake, DAY, 7) == 400
        for most in (1_200, 600, 150):
            drawn = write_training_set(lake, DAY, most)
            rows = Counter(lake.read("training_set", DAY)["trial_id"].to_pylist())
            assert set(rows.values()) == {3}
            assert drawn == Drawn(rows.total(), 1_200)
            assert 0.7 * most < drawn.rows < 1.3 * most or drawn.rows == most
            kept.append(set(rows))
    assert kept[2] < kept[1] < kept[0]


def test_what_is_written_has_the_declared_columns_and_types(tmp_path: Path) -> None:
    with landed(SmallWorld(trials=(trial("a", -30), trial("b", 4))), tmp_path) as (lake, _):
        write_running_snapshots(lake, DAY)
        write_landmark_snapshots(lake, DAY, (1,))
        write_labels(lake, DAY, 7)
        write_training_set(lake, DAY, 1_000)
    for table in (SNAPSHOTS, LANDMARK_SNAPSHOTS, LABELS, TRAINING_SET):
        found, declared = lake.read(table.name, DAY).schema, arrow_schema(table)
        assert found.names == declared.names
        wrong = [
            (name, found.field(name).type, declared.field(name).type)
            for name in declared.names
            if found.field(name).type != declared.field(name).type
        ]
        assert wrong == [], table.name


def test_buckets_change_no_snapshot(tmp_path: Path) -> None:
    world = SmallWorld(trials=tuple(trial(f"t{n}", n % 8) for n in range(20)))
    tables = []
    for buckets in (1, 3):
        with landed(world, tmp_path / str(buckets), buckets=buckets) as (lake, _):
            write_running_snapshots(lake, DAY)
        tables.append(lake.read("snapshots", DAY).sort_by("trial_id"))
    assert tables[0].equals(tables[1])

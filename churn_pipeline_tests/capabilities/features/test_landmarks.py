from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features import landmarks, snapshots
from churn_pipeline.capabilities.features.landmarks import DATASET, Written, write_landmark_snapshots
from churn_pipeline.capabilities.features.snapshots import write_running_snapshots
from churn_pipeline.contracts.lake import DELETIONS, SNAPSHOTS
from churn_pipeline.contracts.raw import ASSIGNMENTS, EVENTS, INDICATORS, RAW_TABLES, TOUCHES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.featurize.depends import Dependence
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, crowd, days, known, land, landed, several, tried

pytestmark = pytest.mark.flow

LANDMARKS = (1, 3, 7, 14)
DAY = BEGIN + timedelta(days=30)


def at(day: int) -> datetime:
    return BEGIN + timedelta(days=day)


def look(lake: Lake, day: datetime = DAY, **other: Any) -> Written:
    return write_landmark_snapshots(lake, day, LANDMARKS, **other)


def rows(lake: Lake, day: datetime = DAY) -> pa.Table:
    return lake.read(DATASET, day).sort_by([("trial_id", "ascending"), ("as_of", "ascending")])


def parts(lake: Lake) -> set[str]:
    return {file.stem for file in (lake.root / DATASET / "parts").iterdir()}


def anew(lake: Lake, folder: Path) -> Lake:
    """The same records in a lake in which nothing has been computed."""
    (folder / "lake").mkdir()
    (folder / "lake" / "raw").symlink_to(lake.root / "raw")
    return replace(lake, root=folder / "lake")


def deletion(table: Table, row: Row, at: datetime, *, gone: bool = True) -> Row:
    key = "/".join(str(row[c]) for c in table.key)
    return {"table_name": table.name, "record_key": key, "known_at": at, "gone": gone}


@pytest.mark.flow
@tried(4)
@given(
    world=several(),
    seed=st.integers(0, 999),
    looked=st.lists(days(), min_size=1, max_size=3),
    buckets=st.integers(1, 2),
)
def test_what_is_kept_is_what_is_computed_from_scratch_whatever_landed_in_between(
    world: SmallWorld, seed: int, looked: list[datetime], buckets: int
) -> None:
    """Records land late and in any order, some are corrected and some deleted; days are looked at in any order."""
    kept_as_from_scratch(world, seed, looked, buckets)


@pytest.mark.slow
def test_what_is_kept_of_five_hundred_businesses_at_once_is_what_is_computed_from_scratch() -> None:
    kept_as_from_scratch(crowd(1, trials=2000, events=10), 1, [at(20), at(14), at(30)], 2)


def kept_as_from_scratch(world: SmallWorld, seed: int, looked: Sequence[datetime], buckets: int) -> None:
    """The records land in as many batches as there are days to look at, drawn by seed; the last day is compared."""
    chance = random.Random(seed)
    records = [
        (table, row) for table in (TRIALS, EVENTS, TOUCHES, ASSIGNMENTS, INDICATORS) for row in world.rows(table)
    ]
    records += [
        (DELETIONS, deletion(table, row, known(table, row) + timedelta(days=chance.randrange(20))))
        for table, row in records
        if chance.random() < 0.1
    ]
    chance.shuffle(records)
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
        landed(SmallWorld(), Path(folder), buckets=buckets) as (lake, connection),
    ):
        for number, day in enumerate(looked):
            for table in (*RAW_TABLES, DELETIONS):
                land(lake, connection, table, [row for of, row in records[number :: len(looked)] if of == table])
            look(lake, day)
        scratch = anew(lake, Path(other))
        look(scratch, looked[-1])
        assert rows(lake, looked[-1]).equals(rows(scratch, looked[-1]))
        write_running_snapshots(lake, looked[-1])
        _compare_with_the_daily_job(lake, looked[-1])


def _compare_with_the_daily_job(lake: Lake, day: datetime) -> None:
    daily = {row["trial_id"]: row for row in lake.read(SNAPSHOTS.name, day).to_pylist()}
    landmarks = {row["trial_id"]: row for row in rows(lake, day).to_pylist() if row["as_of"] == day}
    both = daily.keys() & landmarks.keys()
    assert {trial: daily[trial] for trial in both} == {trial: landmarks[trial] for trial in both}


def test_memory_decides_on_how_many_trials_are_looked_at_at_once_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with landed(crowd(1), tmp_path, buckets=2) as (lake, _):
        look(lake)
        monkeypatch.setattr(snapshots, "VALUES_A_GIGABYTE", 30_000)  # with 512 MB some 100 events of 600
        (tmp_path / "scratch").mkdir()
        scratch = anew(lake, tmp_path / "scratch")
        assert look(scratch).computed > 1
        assert rows(scratch).equals(rows(lake))


def test_a_second_look_on_the_same_records_computes_nothing(tmp_path: Path) -> None:
    with landed(crowd(1), tmp_path, buckets=2) as (lake, _):
        first = look(lake)
        before, kept = rows(lake), parts(lake)
        again = look(lake)
    assert first.computed == first.parts == len(kept)
    assert again == replace(first, computed=0)
    assert (rows(lake), parts(lake)) == (before, kept)
    assert first.rows == before.num_rows > 100


def test_the_next_day_computes_the_week_it_lies_in_and_no_other(tmp_path: Path) -> None:
    with landed(crowd(1), tmp_path) as (lake, _):
        look(lake, at(12))
        before = parts(lake)
        written = look(lake, at(13))
        assert (written.computed, len(parts(lake) - before)) == (1, 1)


START = BEGIN + timedelta(days=3, hours=9)
"""A Monday."""
TRIAL: Row = {"trial_id": "t", "account_id": "a", "started_at": START, "trial_days": 14, "plan": "pro"}
LATER: Row = {**TRIAL, "trial_id": "u", "started_at": START + timedelta(days=14)}
LOGIN: Row = {"event_id": "e", "trial_id": "t", "occurred_at": START + timedelta(days=2), "event_name": "login"}


@pytest.fixture
def quiet() -> SmallWorld:
    """Looks at two trials: in the weeks of 4, 11 and 18 March, and of 18, 25 March and 1 April."""
    return SmallWorld(trials=(TRIAL, LATER), events=(LOGIN,))


def weeks(names: Iterable[str]) -> list[str]:
    return sorted(name[:10] for name in names)


WEEKS = ["2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25", "2024-04-01"]


def published(at: datetime) -> Row:
    return {"sector": "health", "indicator": "climate", "period_start": START, "value": 1.0, "published_at": at}


CHANGES: dict[str, tuple[Table, Row, Sequence[str]]] = {
    "an event that came late": (EVENTS, {**LOGIN, "event_id": "f", "occurred_at": START + timedelta(days=1)}, WEEKS),
    "an event after the last look": (EVENTS, {**LOGIN, "event_id": "f", "occurred_at": START + timedelta(days=33)}, []),
    "a touch": (TOUCHES, {"touch_id": "c", "trial_id": "t", "kind": "email", "sent_at": START + timedelta(days=9)}, WEEKS[2:3]),
    "an arm drawn before the start": (
        ASSIGNMENTS,
        {"experiment_id": "x", "trial_id": "u", "arm": "a", "assigned_at": START + timedelta(days=10)},
        WEEKS[2:],
    ),
    "a change of the trial": (TRIALS, {**TRIAL, "plan": "paid", "updated_at": START + timedelta(days=5)}, WEEKS[1:]),
    "a change of the trial after its last look": (TRIALS, {**TRIAL, "plan": "paid", "updated_at": START + timedelta(days=34)}, []),
    "an event that is deleted": (DELETIONS, deletion(EVENTS, LOGIN, START + timedelta(days=34)), WEEKS),
    "an event deleted after the day": (DELETIONS, deletion(EVENTS, LOGIN, at(41)), []),
    "another length of the trial": (TRIALS, {**TRIAL, "trial_days": 7, "updated_at": START + timedelta(days=35)}, WEEKS),
    "a publication": (INDICATORS, published(START + timedelta(days=9)), WEEKS[2:]),
}  # fmt: skip


@pytest.mark.slow
def test_only_weeks_that_a_record_touched_are_computed_again(quiet: SmallWorld, tmp_path: Path) -> None:
    with landed(quiet, tmp_path) as (lake, connection):
        look(lake, at(40))
        computed = {}
        for change, (table, row, _) in CHANGES.items():
            before = parts(lake)
            land(lake, connection, table, [row])
            look(lake, at(40))
            computed[change] = weeks(parts(lake) - before)
    assert computed == {change: list(touched) for change, (_, _, touched) in CHANGES.items()}


def test_a_record_of_another_bucket_touches_no_part_of_this_one(quiet: SmallWorld, tmp_path: Path) -> None:
    late = {"touch_id": "c", "trial_id": "t", "kind": "email", "sent_at": START + timedelta(days=3)}
    with landed(quiet, tmp_path, buckets=8) as (lake, connection):
        look(lake, at(40))
        before = parts(lake)
        land(lake, connection, TOUCHES, [late])
        look(lake, at(40))
    assert {part.split("-")[3] for part in parts(lake) - before} == {
        part.split("-")[3] for part in before - parts(lake)
    }
    assert len({part.split("-")[3] for part in parts(lake) - before}) == 1


@pytest.mark.slow
def test_where_a_value_crosses_trials_the_records_of_others_touch_a_part_as_far_back_as_is_declared(
    quiet: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ((EVENTS, {**LOGIN, "event_id": "f"}), (TRIALS, {**TRIAL, "trial_days": 15, "updated_at": at(39)}))
    for back, touched in ((35, WEEKS), (9, WEEKS[:3])):
        crossing = tuple(Dependence(table, of_all=True, days_before=back) for table in (TRIALS, EVENTS))
        monkeypatch.setattr(landmarks, "DEPENDS_ON", crossing)
        for table, row in changes:
            with landed(quiet, tmp_path / f"{table.name} {back}", buckets=8) as (lake, connection):
                look(lake, at(40))
                before = parts(lake)
                land(lake, connection, table, [row])
                look(lake, at(40))
            assert sorted({name[:10] for name in parts(lake) - before}) == touched, (table.name, back)


def test_another_definition_or_setting_computes_all_again(quiet: SmallWorld, tmp_path: Path) -> None:
    with landed(quiet, tmp_path) as (lake, _):
        look(lake, at(40))
        before = parts(lake)
        look(lake, at(40), version="another")
        assert weeks(parts(lake) - before) == WEEKS
        written = write_landmark_snapshots(lake, at(40), (1, 2, 3, 7, 14))
    assert (written.rows, written.computed) == (10, written.parts)


def test_a_killed_writer_has_computed_what_it_finished(quiet: SmallWorld, tmp_path: Path) -> None:
    with landed(quiet, tmp_path) as (lake, _):
        look(lake, at(40))
        (lake.root / DATASET / f"{at(40):%Y-%m-%d}.parts").unlink()
        next((lake.root / DATASET / "parts").iterdir()).unlink()
        assert look(lake, at(40)).computed == 1


def test_a_past_day_stays_as_it_was_and_is_forgotten_with_its_list(quiet: SmallWorld, tmp_path: Path) -> None:
    with landed(quiet, tmp_path) as (lake, connection):
        look(lake, at(30))
        then, kept = rows(lake, at(30)), parts(lake)
        land(lake, connection, EVENTS, [{**LOGIN, "event_id": "f"}])
        look(lake, at(40))
        assert rows(lake, at(30)).equals(then)
        assert not rows(lake, at(40)).slice(0, 4).equals(then.slice(0, 4))
        (lake.root / DATASET / f"{at(30):%Y-%m-%d}.parts").unlink()
        look(lake, at(40))
    assert len(parts(lake)) == len(WEEKS)
    assert not kept <= parts(lake)


def test_without_any_look_there_are_the_columns_and_no_row(tmp_path: Path) -> None:
    with landed(SmallWorld(), tmp_path) as (lake, _):
        assert look(lake).rows == 0
    assert tuple(rows(lake).column_names) == SNAPSHOTS.names

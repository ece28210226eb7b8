from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters import lake as lakes
from churn_pipeline.adapters.lake import Lake, LakeError, Landed
from churn_pipeline.contracts.raw import EVENTS, INDICATORS, RAW_TABLES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import empty_lake
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, arrow, days, known, land, landed, worlds

DAY = datetime(2024, 5, 2, tzinfo=UTC)


class Killed(BaseException):
    pass


@contextmanager
def fresh() -> Iterator[tuple[Lake, DuckDBPyConnection]]:
    with tempfile.TemporaryDirectory() as folder:
        lake = empty_lake(Path(folder))
        with lake.engine.connection() as connection:
            yield lake, connection


def rows_known(lake: Lake, connection: DuckDBPyConnection, table: Table, before: datetime) -> list[Row]:
    """The records of a table as known before a moment, by key."""
    lake.known(connection, [table], before=before)
    found: list[Row] = connection.sql(f"select * from {table.name}").to_arrow_table().to_pylist()
    return by_key(table, found)


def by_key(table: Table, given: list[Row]) -> list[Row]:
    return sorted(given, key=lambda row: [str(row[c]) for c in table.key])


def files(lake: Lake) -> dict[str, bytes]:
    return {
        str(path.relative_to(lake.root)): path.read_bytes() for path in sorted(lake.root.rglob("*")) if path.is_file()
    }


def trial(number: int, **other: Any) -> Row:
    return {
        "trial_id": f"t{number}",
        "account_id": "a",
        "started_at": BEGIN + timedelta(days=number),
        "trial_days": 14,
    } | other


# ---- raw records


@pytest.mark.flow
@settings(max_examples=10, deadline=None)
@given(world=worlds(), batches=st.integers(1, 3), buckets=st.integers(1, 3))
def test_landing_the_same_again_changes_no_byte(world: SmallWorld, batches: int, buckets: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        landed(world, Path(folder), batches=batches, buckets=buckets) as (lake, connection),
    ):
        before = files(lake)
        for table in RAW_TABLES:
            if world.rows(table):
                connection.register("_again", arrow(table, world.rows(table)))
                assert lake.land(connection, table, "_again") == lakes.Landed(0, len(world.rows(table)))
        assert files(lake) == before


@pytest.mark.flow
@settings(max_examples=15, deadline=None)
@given(world=worlds(), day=days())
def test_what_is_known_before_a_day_is_what_had_arrived_by_then(world: SmallWorld, day: datetime) -> None:
    with tempfile.TemporaryDirectory() as folder, landed(world, Path(folder)) as (lake, connection):
        for table in RAW_TABLES:
            # in the order in which they became known, so that of one key the newest version stays
            arrived = sorted((r for r in world.rows(table) if known(table, r) < day), key=lambda r: known(table, r))
            expected = by_key(table, list({tuple(r[c] for c in table.key): r for r in arrived}.values()))
            found = rows_known(lake, connection, table, day)
            assert [{c: row[c] for c in table.names} for row in found] == arrow(table, expected).to_pylist()
            moments = [[row[c] for c in table.known_at if row.get(c) is not None] for row in expected]
            assert [row["known_at"] for row in found] == [max(some) for some in moments]


PLANS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(1, 40)), st.sampled_from(["basic", "pro", "team"])),
    min_size=1,
    max_size=5,
    unique_by=lambda version: version[0],
)


@pytest.mark.flow
@settings(max_examples=25, deadline=None)
@given(versions=PLANS, day=st.integers(0, 45), batches=st.integers(1, 3))
def test_the_newest_version_known_by_then_wins_in_whatever_order_they_came(
    versions: list[tuple[int | None, str]], day: int, batches: int
) -> None:
    rows = [trial(0, plan=plan, updated_at=None if at is None else BEGIN + timedelta(days=at)) for at, plan in versions]
    with fresh() as (lake, connection):
        for batch in range(batches):
            land(lake, connection, TRIALS, rows[batch::batches])
        found = rows_known(lake, connection, TRIALS, BEGIN + timedelta(days=day))
    if day == 0:  # it starts at that very moment, so nobody knows of it before
        assert found == []
        return
    seen = [(at or 0, plan) for at, plan in versions if (at or 0) < day]
    (row,) = found
    assert row["plan"] == (max(seen)[1] if seen else None)
    assert (row["account_id"], row["trial_days"], row["known_at"]) == ("a", 14, BEGIN)


def test_a_version_published_later_does_not_exist_before_where_nothing_of_the_record_is_fixed() -> None:
    def published(day: int, value: float) -> Row:
        moment = BEGIN + timedelta(days=day)
        return {"sector": "x", "indicator": "gdp", "period_start": BEGIN, "value": value, "published_at": moment}

    with fresh() as (lake, connection):
        land(lake, connection, INDICATORS, [published(5, 1.0), published(9, 2.0)])
        values = [
            [row["value"] for row in rows_known(lake, connection, INDICATORS, BEGIN + timedelta(days=day))]
            for day in (5, 6, 9, 10)
        ]
    assert values == [[], [1.0], [1.0], [2.0]]


def test_a_record_is_strictly_older_than_the_moment_it_is_known_before() -> None:
    moment = datetime(2024, 5, 1, 10, tzinfo=UTC)
    event = {"event_id": "e", "trial_id": "t", "occurred_at": moment, "event_name": "login"}
    with fresh() as (lake, connection):
        land(lake, connection, EVENTS, [event])
        assert rows_known(lake, connection, EVENTS, moment) == []
        assert len(rows_known(lake, connection, EVENTS, moment + timedelta(microseconds=1))) == 1


def test_partitions_of_other_days_and_buckets_are_not_opened(tmp_path: Path) -> None:
    """Damaged pages in a partition that cannot matter go unnoticed, because nobody reads them."""
    events = tuple(
        {"event_id": f"e{n}", "trial_id": f"t{n}", "occurred_at": BEGIN + timedelta(days=n), "event_name": "login"}
        for n in range(10)
    )
    with landed(SmallWorld(events=events), tmp_path, buckets=2) as (lake, connection):
        days = [BEGIN.date() + timedelta(days=n) for n in range(10)]
        kept = sorted((lake.root / "raw" / "events").glob("day=2024-03-0[567]/bucket=1/part.parquet"))
        for file in (lake.root / "raw" / "events").glob("day=*/bucket=*/part.parquet"):
            if file not in kept:
                whole = file.read_bytes()
                file.write_bytes(whole[:4] + b"damaged" * 10 + whole[74:])
        lake.known(connection, [EVENTS], before=BEGIN + timedelta(days=6, hours=1), since=days[4])
        found = connection.sql("select cast(occurred_at as date) from events where bucket = 1").fetchall()
    assert 0 < len(kept) == len(found)
    assert {day for (day,) in found} <= set(days[4:7])


def test_a_table_of_which_nothing_landed_is_empty_and_typed() -> None:
    with fresh() as (lake, connection):
        assert not lake.has_raw(TRIALS)
        assert rows_known(lake, connection, TRIALS, DAY) == []
        connection.sql("select started_at + trial_days * interval 1 day, plan || '' from trials").fetchall()


def test_a_batch_without_rows_lands_nothing_and_leaves_what_had_landed() -> None:
    with fresh() as (lake, connection):
        nothing = "(select * from _batch where false)"
        connection.register("_batch", arrow(TRIALS, [trial(1)]))
        assert lake.land(connection, TRIALS, nothing) == Landed(new=0, known=0)
        assert not lake.has_raw(TRIALS)
        assert lake.land(connection, TRIALS, "_batch") == Landed(new=1, known=0)
        before = files(lake)
        assert lake.land(connection, TRIALS, nothing) == Landed(new=0, known=0)
        assert files(lake) == before


def test_raw_files_lie_by_the_day_they_became_known(tmp_path: Path) -> None:
    world = SmallWorld(trials=(trial(0), trial(0, trial_id="u"), trial(3)))
    with landed(world, tmp_path) as (lake, _):
        names = sorted(name for name in files(lake) if name.endswith(".parquet"))
    assert names == [f"raw/trials/day=2024-03-0{day}/bucket=0/part.parquet" for day in (1, 4)]


def killed_at_the_second(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, in whose second call the process dies."""
    calls = count(1)

    def called(*arguments: Any) -> Any:
        if next(calls) == 2:
            raise Killed
        return call(*arguments)

    return called


def test_a_writer_killed_between_two_partitions_is_finished_by_the_next_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [trial(number) for number in range(4)]
    with landed(SmallWorld(trials=tuple(rows[:2])), tmp_path) as (lake, connection):
        with monkeypatch.context() as patch:
            patch.setattr(Lake, "_swap_in", staticmethod(killed_at_the_second(Lake._swap_in)))
            connection.register("_rows", arrow(TRIALS, rows))
            with pytest.raises(Killed):
                lake.land(connection, TRIALS, "_rows")
        found = rows_known(lake, connection, TRIALS, DAY)
        assert [row["trial_id"] for row in found] == ["t0", "t1", "t2"]
        assert lake.land(connection, TRIALS, "_rows") == lakes.Landed(new=1, known=3)
        after = files(lake)
    with landed(SmallWorld(trials=tuple(rows)), tmp_path / "undisturbed") as (undisturbed, _):
        assert files(undisturbed) == after


def test_a_writer_killed_between_two_buckets_of_a_day_is_finished_by_the_next_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a day that is there already each bucket is replaced by itself: rows of the one are new, of the other as before."""
    rows = [trial(0, trial_id=f"t{number}") for number in range(24)]
    with landed(SmallWorld(trials=tuple(rows[:12])), tmp_path, buckets=2) as (lake, connection):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed_at_the_second(Path.replace))
            connection.register("_rows", arrow(TRIALS, rows))
            with pytest.raises(Killed):
                lake.land(connection, TRIALS, "_rows")
        found = [row["trial_id"] for row in rows_known(lake, connection, TRIALS, DAY)]
        assert len(found) == len({*found})
        assert 12 < len(found) < 24
        assert lake.land(connection, TRIALS, "_rows") == lakes.Landed(new=24 - len(found), known=len(found))
        after = files(lake)
    with landed(SmallWorld(trials=tuple(rows)), tmp_path / "undisturbed", buckets=2) as (undisturbed, _):
        assert files(undisturbed) == after


# ---- datasets of a day


def test_a_day_of_a_dataset_is_replaced_and_other_days_stay() -> None:
    with fresh() as (lake, connection):
        assert lake.write(connection, "labels", DAY, "select 1 as n union all select 2") == 2
        lake.write(connection, "labels", DAY + timedelta(days=1), "select 9 as n")
        assert lake.write(connection, "labels", DAY, "select 3 as n") == 1
        assert lake.read("labels", DAY).to_pylist() == [{"n": 3}]
        assert lake.read("labels", DAY + timedelta(days=1), select="n + 1 as m").to_pylist() == [{"m": 10}]
        assert lake.has("labels", DAY)
        assert not lake.has("labels", DAY - timedelta(days=1))


def test_an_empty_answer_keeps_its_columns() -> None:
    with fresh() as (lake, connection):
        assert lake.write(connection, "labels", DAY, "select 1::bigint as n, 'x' as word where false") == 0
        assert lake.read("labels", DAY).schema.names == ["n", "word"]


def test_a_writer_that_fails_or_is_killed_leaves_the_old_day(monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh() as (lake, connection):
        lake.write(connection, "labels", DAY, "select 1 as n")
        with pytest.raises(Exception, match="boom"):
            lake.write(connection, "labels", DAY, "select error('boom') from range(3)")
        assert lake.read("labels", DAY).to_pylist() == [{"n": 1}]

        def killed(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with pytest.raises(Killed):
                lake.write(connection, "labels", DAY, "select 2 as n")
        assert lake.read("labels", DAY).to_pylist() == [{"n": 1}]
        lake.write(connection, "labels", DAY, "select 3 as n")
        assert list(files(lake)) == ["labels/2024-05-02.parquet"]


def test_piece_by_piece_the_same_rows_are_written(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", empty_lake(tmp_path).engine, buckets=3)
    with lake.engine.connection() as connection:
        pieces = [f"select i from range(10) r(i) where i % 3 = {piece}" for piece in range(3)]
        written = lake.write_pieces(connection, "labels", DAY, pieces)
    assert written == 10
    assert sorted(lake.read("labels", DAY)["i"].to_pylist()) == list(range(10))
    assert list(files(lake)) == ["labels/2024-05-02.parquet"]


def test_a_day_that_nobody_wrote_says_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    with pytest.raises(LakeError, match="no labels for 2024-05-02") as refused:
        lake.rows("labels", DAY)
    assert str(lake.root / "labels" / "2024-05-02.parquet") in str(refused.value)
    assert "churn run --as-of 2024-05-02" in str(refused.value)


def test_a_business_has_its_own_lake_by_its_settings(tmp_path: Path) -> None:
    lake = Lake.of(Settings(data_dir=tmp_path, business="acme", lake_buckets=4, threads=1, duckdb_memory="1GB"))
    assert (lake.root, lake.buckets, lake.engine.memory) == (tmp_path / "acme" / "lake", 4, "1GB")


@pytest.mark.parametrize(("before", "after"), [(8, 1), (1, 8)])
def test_another_number_of_buckets_is_refused_and_no_row_is_lost(before: int, after: int, tmp_path: Path) -> None:
    trials = ({"trial_id": "t", "account_id": "a", "started_at": BEGIN, "trial_days": 14},)
    with landed(SmallWorld(trials=trials), tmp_path, buckets=before) as (lake, connection):
        other = replace(lake, buckets=after)
        with pytest.raises(LakeError, match=f"cut into {before} buckets, the settings say {after}"):
            other.known(connection, [TRIALS], before=BEGIN)
        with pytest.raises(LakeError, match=f"CHURN_LAKE_BUCKETS={before}"):
            land(other, connection, TRIALS, trials)
        lake.known(connection, [TRIALS], before=BEGIN + timedelta(days=1))
        assert connection.execute("select count(*) from trials").fetchone() == (1,)


def test_a_file_that_a_killed_writer_left_half_written_goes_with_the_next_writer() -> None:
    with fresh() as (lake, _):
        left = lake.root / "staged_trials" / "2024-05-01.new"
        left.parent.mkdir(parents=True)
        left.write_text("half")
        with lake.beside():
            assert not left.exists()


@pytest.mark.parametrize("landed_between", [True, False])
@pytest.mark.parametrize("renames", [1, 2, 3, 99])
def test_a_replacement_that_is_killed_leaves_the_old_or_the_new_and_the_next_writer_goes_on(
    renames: int, landed_between: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events(of: str) -> str:
        values = ", ".join(
            f"('{of}{n}', 't1', timestamptz '2024-05-0{n} 10:00+00', null::timestamptz, 'login')" for n in range(1, 4)
        )
        given = "event_id, trial_id, occurred_at, received_at, event_name"
        others = "null::varchar as user_id, null::varchar as session_id, null::varchar as feature, null::double as value, null::varchar as properties"
        return f"(select *, {others} from (values {values}) as v({given}))"

    with fresh() as (lake, connection):
        lake.land(connection, EVENTS, events("old"))
        done = [0]
        rename = Path.rename

        def killed(self: Path, target: Path) -> Path:
            if not self.name.endswith(".parquet"):
                done[0] += 1
                if done[0] > renames - 1 and renames < 99:
                    raise Killed
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", killed)
        if renames < 99:
            with pytest.raises(Killed):
                lake.replace(connection, EVENTS, events("new"))
        else:
            assert lake.replace(connection, EVENTS, events("new")) == 3
        monkeypatch.setattr(Path, "rename", rename)
        now = {row["event_id"] for row in rows_known(lake, connection, EVENTS, datetime(2024, 6, 1, tzinfo=UTC))}
        assert now == {f"{'old' if renames == 1 else 'new'}{n}" for n in range(1, 4)}
        if landed_between:
            assert lake.land(connection, EVENTS, events("more")).new == 3
            assert len(rows_known(lake, connection, EVENTS, datetime(2024, 6, 1, tzinfo=UTC))) == 6
        assert lake.replace(connection, EVENTS, events("last")) == 3
        assert len(rows_known(lake, connection, EVENTS, datetime(2024, 6, 1, tzinfo=UTC))) == 3

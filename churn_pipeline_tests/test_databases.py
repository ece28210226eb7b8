"""A database as the source of the whole chain: what it gives, what is read again, and what a killed load leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import SourceError, opened
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.ingestion.watermarks import watermarks
from churn_pipeline.capabilities.validation.acceptance import accept, move_watermark
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import AS_OF, READ_AT, event, subscription, trial
from churn_pipeline_tests.chains import run, small, tables, world, write_source
from churn_pipeline_tests.servers import do, fill

pytestmark = pytest.mark.flow
SCORED = ("scores", "actions", "model_verdicts", "model_promotions", "drift")
MOMENTS = ("occurred_at", "received_at", "updated_at")


@pytest.fixture(params=["postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Settings, Warehouse]:
    """A business whose source is a database with 10 trials, and its warehouse (another database)."""
    url: str = request.getfixturevalue({"postgresql": "second_database", "mariadb": "mariadb"}[request.param])
    given = [trial(n, updated_at=f"2024-05-{n + 1:02d} 08:00:00") for n in range(10)]
    fill(url, "trials", given, {"updated_at": "timestamp(6) null"})
    fill(url, "events", [arrived(n) for n in range(10)], {"received_at": "timestamp(6) null"})
    fill(url, "subscriptions", [subscription(n) for n in range(0, 10, 4)])
    settings = Settings(
        data_dir=tmp_path, postgres_url=request.getfixturevalue("database"), source_url=url, business="shop"
    )
    warehouse = Warehouse.of(settings)
    warehouse.create()
    return settings, warehouse


@pytest.fixture
def second_database(postgres: str) -> Any:
    """Another empty database."""
    from churn_pipeline_tests.conftest import fresh_database

    with fresh_database(postgres) as url:
        yield url


def arrived(number: int, day: int | None = None, **other: Any) -> dict[str, Any]:
    """An event, received on a day of May."""
    start = number % 20 + 1
    at = {"occurred_at": f"2024-05-{start:02d} 10:00:00", "received_at": f"2024-05-{day or start:02d} 10:01:00"}
    return event(number, **at, **other)


def add(url: str, table: str, row: dict[str, Any]) -> None:
    """Insert one row."""
    do(
        url,
        f"insert into {table} values ({', '.join(':' + c for c in row)})",
        rows=[{c: v if v != "" else None for c, v in row.items()}],
    )


def read(shop: tuple[Settings, Warehouse], *, killed: str = "", read_at: datetime = READ_AT) -> dict[str, int]:
    """Read and land everything as a run does, without Great Expectations; gives the rows read of each table. `killed` ends it at a step."""
    settings, warehouse = shop
    lake, counted = Lake.of(settings), {}
    with opened(settings, watermarks(warehouse), writer=True) as source:
        for table in (TRIALS, EVENTS, SUBSCRIPTIONS):
            staged = stage_table(lake, source, table, as_of=AS_OF, read_at=read_at, max_deleted_share=0.5)
            counted[table.name] = staged.rows
    if killed == "staged":
        return counted
    for table in (TRIALS, EVENTS, SUBSCRIPTIONS):
        verdict = check_batch(lake, table, as_of=AS_OF, max_bad_share=0.2, sample_rows=0)
        assert verdict.passed, verdict
        accept(lake, table, as_of=AS_OF, read_at=read_at, run_id="r")
        if killed == "landed":
            return counted
        move_watermark(lake, warehouse, table, as_of=AS_OF, read_at=read_at, run_id="r")
    return counted


def landed(shop: tuple[Settings, Warehouse], before: datetime = READ_AT) -> set[str]:
    """The events in the lake that are known before a moment."""
    lake = Lake.of(shop[0])
    with lake.engine.connection() as connection:
        lake.known(connection, [EVENTS], before=before)
        return {key for (key,) in connection.execute("select event_id from events").fetchall()}


def url(shop: tuple[Settings, Warehouse]) -> str:
    found = shop[0].source_database
    assert found is not None
    return found


def test_what_was_read_before_is_not_read_again_but_for_the_look_back(shop: tuple[Settings, Warehouse]) -> None:
    assert read(shop) == {"trials": 10, "events": 10, "subscriptions": 3}
    assert watermarks(shop[1])["events"].read_up_to == datetime(2024, 5, 10, 10, 1, tzinfo=UTC)
    add(url(shop), "events", arrived(11, day=12, trial_id="t1"))
    add(url(shop), "events", arrived(5, day=8, event_name="late") | {"event_id": "late"})
    assert read(shop) == {"trials": 4, "events": 4 + 2, "subscriptions": 3}
    assert {"e11", "late"} <= landed(shop)
    assert watermarks(shop[1])["events"].read_up_to == datetime(2024, 5, 12, 10, 1, tzinfo=UTC)


def test_the_same_load_twice_changes_nothing(shop: tuple[Settings, Warehouse]) -> None:
    read(shop)
    before, marks = landed(shop), watermarks(shop[1])
    read(shop)
    assert (landed(shop), watermarks(shop[1])) == (before, marks)


@pytest.mark.parametrize("step", ["staged", "landed"])
def test_a_load_that_is_killed_is_made_whole_by_the_next(shop: tuple[Settings, Warehouse], step: str) -> None:
    read(shop, killed=step)
    assert "events" not in watermarks(shop[1])
    assert read(shop) == {"trials": 10, "events": 10, "subscriptions": 3}
    assert landed(shop) == {f"e{n}" for n in range(10)}


def test_a_load_without_anything_new_is_fine(shop: tuple[Settings, Warehouse]) -> None:
    read(shop)
    do(url(shop), "delete from events where received_at < '2024-05-20'")
    assert read(shop)["events"] == 0
    assert len(landed(shop)) == 10
    assert "events" in watermarks(shop[1])


def test_a_row_of_a_clock_that_is_ahead_is_read_once_its_time_has_come(shop: tuple[Settings, Warehouse]) -> None:
    add(url(shop), "events", arrived(11, trial_id="t1") | {"received_at": "2024-06-20 00:00:00"})
    read(shop)
    assert watermarks(shop[1])["events"].read_up_to == datetime(2024, 5, 10, 10, 1, tzinfo=UTC)
    assert "e11" not in landed(shop, datetime(2024, 7, 1, tzinfo=UTC))
    read(shop, read_at=datetime(2024, 6, 21, tzinfo=UTC))
    assert "e11" in landed(shop, datetime(2024, 7, 1, tzinfo=UTC))


def test_deletes_are_followed_by_keys_though_only_new_rows_are_read(
    shop: tuple[Settings, Warehouse], tmp_path: Path
) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text("tables: {events: {from: events, deletes: compare keys}}")
    mapped = (shop[0].model_copy(update={"mapping": mapping}), shop[1])
    read(mapped)
    do(url(shop), "delete from events where event_id = 'e1'")
    assert read(mapped)["events"] < 9
    assert landed(mapped, READ_AT) == {f"e{n}" for n in range(10)}
    assert landed(mapped, datetime(2024, 7, 1, tzinfo=UTC)) == {f"e{n}" for n in range(10) if n != 1}


def test_an_event_that_came_before_its_trial_gets_in_once_the_trial_is_there_however_late(
    shop: tuple[Settings, Warehouse],
) -> None:
    early = arrived(1, day=2, event_name="early") | {"event_id": "early", "trial_id": "late"}
    other = arrived(1, day=2) | {"event_id": "nobody's", "trial_id": "nobody"}
    for row in (early, other):
        add(url(shop), "events", row)
    read(shop)
    assert not {"early", "nobody's"} & landed(shop)
    assert read(shop)["events"] == 4, "what is looked back to, and nothing of the quarantine"
    add(url(shop), "trials", trial(1, trial_id="late", updated_at="2024-05-12 08:00:00"))
    assert read(shop) == {"trials": 4 + 1, "events": 4 + 1, "subscriptions": 3}
    assert "early" in landed(shop)
    assert "nobody's" not in landed(shop)
    assert read(shop)["events"] == 4, "once it has landed it waits no longer"


def test_a_table_may_be_read_by_a_number_that_counts_up(shop: tuple[Settings, Warehouse], tmp_path: Path) -> None:
    rows = [arrived(n) | {"id": 100 + n} for n in range(10)]
    fill(url(shop), "log", rows, {"received_at": "timestamp(6) null", "id": "bigint"})
    mapping = tmp_path / "shop.yaml"
    mapping.write_text(
        "business: shop\ntables: {events: {from: log, cursor: id, columns: {properties: {constant: null}}}}"
    )
    numbered = (shop[0].model_copy(update={"mapping": mapping, "look_back_rows": 3}), shop[1])
    assert read(numbered)["events"] == 10
    assert watermarks(shop[1])["events"].read_up_to == 109
    add(url(shop), "log", arrived(11, trial_id="t1") | {"id": 111})
    add(url(shop), "log", arrived(5, event_name="late") | {"event_id": "late", "id": 106})
    assert read(numbered)["events"] == 4 + 2
    assert {"e11", "late"} <= landed(numbered)
    assert watermarks(shop[1])["events"].read_up_to == 111


def test_a_cursor_that_holds_no_moments_is_refused(shop: tuple[Settings, Warehouse], tmp_path: Path) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text("tables: {events: {from: events, cursor: event_id}}")
    with pytest.raises(SourceError, match="cursor event_id holds 10 values that are no timestamps"):
        read((shop[0].model_copy(update={"mapping": mapping}), shop[1]))


def test_the_whole_chain_on_a_database_gives_what_it_gives_on_files(
    tmp_path: Path, database: str, second_database: str, postgres: str
) -> None:
    from churn_pipeline_tests.conftest import fresh_database

    # regressions alone, which are fitted in no time, and no Great Expectations, which sees what was staged, wherever it came from
    quick = {"few_conversions": 100_000, "suite_sample_rows": 0}
    folder = write_source(world(small(tmp_path / "whole", database)), tmp_path / "files")
    _load(folder, second_database)
    on_files = small(tmp_path / "a", database, source=folder, business="one", **quick)
    assert run(on_files).success
    with fresh_database(postgres) as other:
        on_database = small(tmp_path / "b", other, source_url=second_database, business="two", **quick)
        assert run(on_database).success
        found, wanted = tables(on_database), tables(on_files)
        assert {name: found[name] for name in SCORED} == {name: wanted[name] for name in SCORED}
        assert {row["scored_by"] for row in wanted["scores"]} == {"champion"}
        assert wanted["drift"]
        assert run(on_database, "daily_scoring").success
        again = tables(on_database)
        assert {name: again[name] for name in ("scores", "actions")} == {
            name: wanted[name] for name in ("scores", "actions")
        }
        kept = {row["rows_read"] for row in again["ingestion_counts"] if row["table_name"] == "events"}
        assert len(kept) == 2, "the second run read less than the first"


def _load(folder: Path, database: str) -> None:
    """Put every file of a folder into a database, as a table of its name."""
    with adbc_driver_postgresql.dbapi.connect(database) as connection, connection.cursor() as cursor:
        for path in folder.glob("*.parquet"):
            rows = pq.read_table(path)
            plain = [pa.field(f.name, pa.float64() if pa.types.is_decimal(f.type) else f.type) for f in rows.schema]
            cursor.adbc_ingest(path.stem, rows.cast(pa.schema(plain)), mode="create")
        connection.commit()

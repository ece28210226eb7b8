from __future__ import annotations

import gc
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from churn_pipeline.adapters.sources import database
from churn_pipeline.adapters.sources.database import Copied, catalogue, copy_tables
from churn_pipeline.adapters.sources.reading import SourceError
from churn_pipeline_tests.servers import PASSWORD, do, fill


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> None:
    """MariaDB's database is one for all tests."""
    if "shop_url" in request.fixturenames:
        url = request.getfixturevalue("shop_url")
        for table in catalogue(url):
            do(url, f"drop table {table}")


def copied(url: str, folder: Path, **how: Any) -> list[dict[str, Any]]:
    """The rows of a copy."""
    table = Copied(folder / "copy.parquet", **how)
    given = copy_tables(url, [table])
    assert given == {table.file: pq.read_metadata(table.file).num_rows}
    return list(pq.read_table(table.file).to_pylist())


def test_tables_and_columns_of_a_database_are_listed_with_their_types(shop_url: str) -> None:
    fill(shop_url, "orgs", [{"id": 1, "begun": "2024-05-01"}], {"id": "int", "begun": "date"})
    do(shop_url, "create view young as select id from orgs")
    found = catalogue(shop_url)
    assert found["orgs"] == {"id": "integer", "begun": "date"}
    assert list(found["young"]) == ["id"]
    do(shop_url, "drop view young")


def test_values_are_copied_as_the_texts_the_server_writes(shop_url: str, tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "n": 7,
        "amount": "49.90",
        "at": "2024-05-01 08:00:00.123456",
        "word": "é, \"x\"\n'y'",
        "no": None,
    }
    fill(shop_url, "orgs", [row], {"n": "int", "amount": "decimal(10,2)", "at": "timestamp(6)", "no": "int"})
    assert copied(shop_url, tmp_path, table="orgs") == [{k: None if v is None else str(v) for k, v in row.items()}]


def test_a_table_without_rows_has_its_columns(shop_url: str, tmp_path: Path) -> None:
    do(shop_url, "create table orgs (id int, word varchar(9))")
    assert copied(shop_url, tmp_path, table="orgs") == []
    assert pq.read_schema(tmp_path / "copy.parquet").names == ["id", "word"]


def test_a_query_is_answered_by_the_database_itself(shop_url: str, tmp_path: Path) -> None:
    fill(shop_url, "orgs", [{"id": "a:b"}, {"id": "c%d"}])
    query = "select id, 'x:y' as word, count(*) as n from orgs where id like '%:%' group by id;"
    assert copied(shop_url, tmp_path, query=query) == [{"id": "a:b", "word": "x:y", "n": "1"}]


def test_moments_come_in_utc_whatever_the_zone_of_the_server(database: str, tmp_path: Path) -> None:
    do(database, "create table t as select timestamptz '2024-03-31 02:30:00+01' as at", "set timezone to 'Asia/Tokyo'")
    assert copied(database, tmp_path, table="t") == [{"at": "2024-03-31 01:30:00+00"}]


def test_a_date_of_zeros_is_a_text_and_not_lost(mariadb: str, tmp_path: Path) -> None:
    do(mariadb, "drop table if exists zeros", "create table zeros (at datetime)")
    engine = sa.create_engine(mariadb.replace("mysql", "mysql+pymysql", 1))
    with engine.begin() as connection:
        connection.exec_driver_sql("set sql_mode = ''")
        connection.exec_driver_sql("insert into zeros values ('0000-00-00')")
    engine.dispose()
    assert copied(mariadb, tmp_path, table="zeros") == [{"at": "0000-00-00 00:00:00"}]


def test_only_rows_from_a_moment_on_and_those_without_one_are_copied(shop_url: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "old", "at": "2024-05-01"},
        {"id": "new", "at": "2024-05-03"},
        {"id": "none", "at": None},
    ]
    fill(shop_url, "orgs", rows, {"at": "timestamp null"})
    since = datetime(2024, 5, 3, tzinfo=UTC)
    found = copied(shop_url, tmp_path, table="orgs", cursor="at", since=since)
    assert [row["id"] for row in found] == ["new", "none"]
    assert len(copied(shop_url, tmp_path, query="select * from orgs", cursor="at", since=since)) == 2


def test_only_rows_from_a_number_on_and_those_without_one_are_copied(shop_url: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"id": "a", "n": 9}, {"id": "b", "n": 10}, {"id": "c", "n": None}]
    fill(shop_url, "orgs", rows, {"n": "bigint"})
    assert [row["id"] for row in copied(shop_url, tmp_path, table="orgs", cursor="n", since=10)] == ["b", "c"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"table": "nobody"}, "nobody"),
        ({"table": "orgs", "cursor": "changed"}, "has no column changed"),
        ({"query": "selekt 1"}, "the query of the mapping"),
    ],
)
def test_what_is_not_there_is_named(shop_url: str, how: dict[str, str], said: str, tmp_path: Path) -> None:
    fill(shop_url, "orgs", [{"id": "a"}])
    with pytest.raises(SourceError, match=said) as refused:
        copied(shop_url, tmp_path, **how)
    assert "do:" in str(refused.value)


def test_a_server_that_does_not_let_us_in_is_named_without_the_password(shop_url: str) -> None:
    url = (
        shop_url.replace("reader:", "nobody:") if "mysql" in shop_url else "postgresql://me:s3cret%2Fword@127.0.0.1:1/x"
    )
    with pytest.raises(SourceError, match="the list of tables") as refused:
        catalogue(url)
    assert PASSWORD not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", ["klingon://db/shop", "oracle://db/shop", "no address"])
def test_a_database_that_no_driver_speaks_with_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match="no installed driver speaks"):
        catalogue(url)


def test_all_tables_are_copied_as_they_were_at_one_moment(shop_url: str, tmp_path: Path) -> None:
    fill(shop_url, "first", [{"id": "a"}])
    fill(shop_url, "second", [{"id": "a"}])
    tables = [Copied(tmp_path / name, table=name) for name in ("first", "second")]
    with database._engine(shop_url) as engine, database._snapshot(engine, tables) as connection:
        database._copy(connection, tables[0])
        do(
            shop_url,
            "insert into first values ('b')",
            "insert into second values ('b')",
            "delete from second where id = 'a'",
        )
        database._copy(connection, tables[1])
    assert [pq.read_table(table.file).to_pylist() for table in tables] == [[{"id": "a"}], [{"id": "a"}]]


@pytest.mark.parametrize("change", ["alter table second add column more int", "truncate table second"])
def test_a_table_cannot_be_altered_or_emptied_while_it_is_to_be_read(
    shop_url: str, change: str, tmp_path: Path
) -> None:
    fill(shop_url, "first", [{"id": "a"}])
    fill(shop_url, "second", [{"id": "a"}])
    tables = [Copied(tmp_path / name, table=name) for name in ("first", "second")]
    altered = threading.Thread(target=do, args=(shop_url, change), daemon=True)
    with database._engine(shop_url) as engine, database._snapshot(engine, tables) as connection:
        database._copy(connection, tables[0])
        altered.start()
        altered.join(0.5)
        assert altered.is_alive(), "the change had to wait for the reading, and did not"
        database._copy(connection, tables[1])
    altered.join(30)
    assert pq.read_table(tables[1].file).to_pylist() == [{"id": "a"}]


def test_a_connection_that_is_killed_ends_the_reading_with_a_message(
    shop_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read first is written only once the connection was killed; the rest is more than what may wait in between."""
    numbers = "seq as id from seq_1_to_400000" if "mysql" in shop_url else "id from generate_series(1, 400000) as r(id)"
    do(shop_url, f"create table big as select repeat('x', 200) as wide, {numbers}")
    killer = threading.Thread(target=_kill, args=(shop_url,), daemon=True)
    killer.start()
    write = pq.ParquetWriter.write_batch

    def write_once_killed(self: pq.ParquetWriter, batch: pa.RecordBatch) -> None:
        killer.join(30)
        write(self, batch)

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", write_once_killed)
    with pytest.raises(
        SourceError, match=r"table big|the connection"
    ) as refused:  # the latter if it had just been read
        copied(shop_url, tmp_path, table="big")
    assert "nothing of this reading is used" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    killer.join(30)
    del refused
    gc.collect()  # a cursor that is collected with its connection gone must say nothing


def _kill(url: str) -> None:
    """End the connection that reads table `big`, as soon as it does."""
    if "mysql" in url:
        look = (
            "select id from information_schema.processlist where info like '%%cast(%%big%%' and id <> connection_id()"
        )
        end = "kill {}"
    else:
        look = "select pid from pg_stat_activity where query like 'FETCH%%' and datname = current_database()"
        end = "select pg_terminate_backend({})"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if found := do(url, look):
            do(url, end.format(found[0][0]))
            return


def test_a_full_disk_ends_the_reading_with_a_message(shop_url: str, tmp_path: Path) -> None:
    fill(shop_url, "orgs", [{"id": "a"}])
    (tmp_path / "copy.parquet").symlink_to("/dev/full")
    with pytest.raises(SourceError, match=r"cannot be written: .*\n.*\n  do: make room on the disk"):
        copied(shop_url, tmp_path, table="orgs")

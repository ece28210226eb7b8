from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.engine import Engine, counted, name, quoted

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def test_a_connection_is_in_utc_within_its_limits_and_closed_in_the_end(tmp_path: Path) -> None:
    with Engine("300MB", 1, tmp_path / "deep" / "spill").connection() as connection:
        settings = dict(connection.execute("select name, value from duckdb_settings()").fetchall())
        moment = connection.execute("select cast('2024-05-01 10:00' as timestamptz)").fetchone()
    assert (settings["TimeZone"], settings["threads"]) == ("UTC", "1")
    assert settings["memory_limit"] == "228.8 MiB"  # four fifths of 300 MB
    assert settings["temp_directory"] == str(tmp_path / "deep" / "spill")
    assert moment == (datetime(2024, 5, 1, 10, tzinfo=UTC),)
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("select 1")


def test_the_one_number_of_an_answer_is_an_integer(tmp_path: Path) -> None:
    with Engine("100MB", 1, tmp_path).connection() as connection:
        assert counted(connection, "select count(*) from range(3)") == 3
        assert counted(connection, f"copy (from range(5)) to {quoted(tmp_path / 'five.parquet')}") == 5


def test_connections_share_no_table_and_no_view(tmp_path: Path) -> None:
    engine = Engine("100MB", 1, tmp_path)
    with engine.connection() as one, engine.connection() as other:
        one.execute("create temp table t as select 1")
        one.execute("create temp view v as select 1")
        for there in ("t", "v"):
            with pytest.raises(duckdb.CatalogException):
                other.execute(f"from {there}")


def test_the_limit_is_a_number_in_gigabytes(tmp_path: Path) -> None:
    assert [Engine(memory, 1, tmp_path).gigabytes for memory in ("4GB", "300MB")] == [4, 0.3]


def test_it_spills_where_memory_does_not_suffice_and_leaves_nothing_behind(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with Engine("40MB", 1, spill).connection() as connection:
        query = "select count(*) from (select hash(i) as h, repeat('x', 60) || i as t from range(800000) r(i) order by h, t)"
        assert connection.execute(f"create temp table sorted as {query.replace('count(*)', '*')}")
        assert connection.execute("select count(*) from sorted").fetchone() == (800_000,)
    assert [path for path in spill.rglob("*") if path.is_file() and path.stat().st_size] == []


def test_nothing_is_downloaded_or_loaded_by_itself(tmp_path: Path) -> None:
    with (
        Engine("100MB", 1, tmp_path).connection() as connection,
        pytest.raises(duckdb.Error, match=r"(?i)extension|httpfs"),
    ):
        connection.execute("select * from read_parquet('https://localhost:1/x.parquet')")


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_literal_and_any_name_an_identifier(text: str) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(f"select {quoted(text)} as {name(text)}")
        assert found.description[0][0] == text
        assert found.fetchone() == (text,)

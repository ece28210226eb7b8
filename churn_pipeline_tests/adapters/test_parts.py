from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from churn_pipeline.adapters.parts import Parts

DAY = datetime(2024, 5, 2, tzinfo=UTC)
ROWS = "select n, 'odd' as part from range(5) r(n) where n % 2 = 1 union all select 2, 'even'"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def stored(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> Parts:
    """Parts odd (1, 3), even (2) and none."""
    parts = Parts(tmp_path / "dataset")
    (tmp_path / "beside").mkdir()
    parts.write(connection, ROWS, ["odd", "even", "none"], beside=tmp_path / "beside")
    return parts


def rows(stored: Parts, connection: duckdb.DuckDBPyConnection, day: datetime = DAY) -> list[int]:
    files = [str(file) for file in stored.of(day)]
    return sorted(n for (n,) in connection.execute("select n from read_parquet($1)", [files]).fetchall())


def test_a_day_is_the_rows_of_its_parts(stored: Parts, connection: duckdb.DuckDBPyConnection) -> None:
    stored.publish(DAY, ["odd", "even", "none"])
    assert rows(stored, connection) == [1, 2, 3]
    assert stored.of(DAY - timedelta(days=1)) == []


def test_a_part_without_rows_has_the_columns(stored: Parts, connection: duckdb.DuckDBPyConnection) -> None:
    stored.publish(DAY, ["none"])
    assert rows(stored, connection) == []


def test_what_no_day_names_is_swept_and_a_list_replaces_the_one_before(
    stored: Parts, connection: duckdb.DuckDBPyConnection
) -> None:
    later = DAY + timedelta(days=1)
    stored.publish(DAY, ["odd", "even"])
    stored.publish(later, ["odd"])
    assert [stored.has(part) for part in ("odd", "even", "none")] == [True, True, False]
    stored.publish(DAY, ["odd"])
    assert not stored.has("even")
    assert rows(stored, connection) == rows(stored, connection, later) == [1, 3]

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from churn_pipeline.contracts.derive.arrow import arrow_type
from churn_pipeline.contracts.derive.duckdb import duckdb_type
from churn_pipeline.contracts.spec import Counts, Flag, Instant, Integer, Json, Money, Numbers, OneOf, Real, Text, Type


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize(
    "type_",
    [Integer(), Real(), Money(), Instant(), Flag(), Text(), OneOf(("a",)), Json(), Counts(), Numbers()],
    ids=lambda type_: type(type_).__name__,
)
def test_the_engine_gives_back_the_arrow_type_that_the_lake_declares(
    connection: duckdb.DuckDBPyConnection, type_: Type
) -> None:
    found = connection.sql(f"select cast(null as {duckdb_type(type_)}) as value").to_arrow_table()
    assert found.schema.field("value").type == arrow_type(type_)

"""The rows of a reading as typed values, in one query: what cannot be read as its type is null and stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.sources import Reading, Source, SourceError
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.spec import Column

if TYPE_CHECKING:
    import duckdb


def typed_query(reading: Reading) -> str:
    """SQL: where each row was read, what could not be read of it, and the columns of the contract as typed values."""
    table = reading.table
    values = ", ".join(f"{read_as(c.type, name(c.name))} as {name('=' + c.name)}" for c in table.columns)
    texts = ", ".join(name(c.name) for c in table.columns)
    columns = ", ".join(f"{name('=' + c.name)} as {name(c.name)}" for c in table.columns)
    return (
        f"select _file, _line, _place, _wrong, {_misread(table.columns)} as _misread, {columns} "
        f"from (select _file, _line, _place, _wrong, {texts}, {values} from {reading.view})"
    )


def read_typed(
    connection: duckdb.DuckDBPyConnection, source: Source, reading: Reading, statement: str
) -> duckdb.DuckDBPyConnection:
    """Execute a statement over `typed_query`.

    Raises:
        SourceError: the SQL of the mapping fails on a row.
    """
    import duckdb

    try:
        return connection.execute(statement)
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
        # DuckDB quotes the value, which may be somebody's name: neither its words nor the error itself go on
        raise SourceError(
            f"{source.mapping_file or source.named}, table {reading.table.name}: a value stops the reading"
            f"{_where(connection, reading)}\n"
            "  do: use try_cast instead of cast in the SQL of the mapping; what cannot be read is then quarantined by itself"
        ) from None


def _where(connection: duckdb.DuckDBPyConnection, reading: Reading) -> str:
    """The columns of a reading that stop it, each read alone."""
    import duckdb

    stopping = []
    for column in reading.table.columns:
        try:
            connection.execute(f"select count({read_as(column.type, name(column.name))}) from {reading.view}")
        except duckdb.Error:
            stopping.append(column.name)
    return f" of column {', '.join(stopping)}" if stopping else ""


def _misread(columns: tuple[Column, ...]) -> str:
    lost = {c.name: f"({name(c.name)} is not null and {name('=' + c.name)} is null)" for c in columns}
    entries = ", ".join(f"case when {bad} then {{'k': {quoted(c)}, 'v': {name(c)}}} end" for c, bad in lost.items())
    return (
        f"case when {' or '.join(lost.values())} then "
        f"map_from_entries(list_filter([{entries}], lambda x: x is not null)) end"
    )

"""A source is staged: every row of a raw table, typed and judged, written for the day of the run. Nothing is lost here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Reading, Source, SourceError, SourceFile
from churn_pipeline.capabilities.ingestion.judge import judge, judged_columns
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.contracts.spec import Column, Table

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Staged:
    """One raw table as staged for a day. `missing` may not be left out, `absent` may."""

    table: str
    rows: int
    files: tuple[SourceFile, ...]
    missing: tuple[str, ...]
    absent: tuple[str, ...]


def stage_table(
    lake: Lake, source: Source, table: Table, *, as_of: datetime, read_at: datetime, batch: str = ""
) -> Staged:
    """Read, type and judge one raw table, and write it as `staged_<table>` and `staged_<table>_files` of the day.

    `trials` has to be staged before the tables whose records belong to a trial. `batch` names a replay, which stands
    beside the day's own batch.

    Raises:
        SourceError: the mapping names what is not there, or its SQL does not run.
    """
    with lake.engine.connection() as connection:
        reading = source.read(connection, table)
        trials = "" if table == TRIALS else lake.rows(f"staged_{TRIALS.name}", as_of, batch=batch)
        rows = _judged(connection, lake, source, reading, trials=trials, read_at=read_at)
        judged = f"select {judged_columns(table)} from ({rows})"
        count = lake.write(connection, f"staged_{table.name}", as_of, judged, batch=batch)
        lake.write(connection, f"staged_{table.name}_files", as_of, _facts(reading), batch=batch)
    return Staged(table.name, count, reading.files, reading.missing, reading.absent)


def judge_reading(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    source: Source,
    reading: Reading,
    *,
    trials: str,
    read_at: datetime,
) -> str:
    """Name of a temp table of the judged rows of a reading; `trials` is a query that gives the judged trials, or empty."""
    rows = _judged(connection, lake, source, reading, trials=trials, read_at=read_at)
    connection.execute(f"create or replace temp table judged_{reading.table.name} as {rows}")
    return f"judged_{reading.table.name}"


def _judged(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    source: Source,
    reading: Reading,
    *,
    trials: str,
    read_at: datetime,
) -> str:
    table = reading.table
    typed = type_rows(connection, source, reading)
    lake.history(connection, table, view=f"known_{table.name}")
    lake.history(connection, TRIALS, view="known_trials")
    staged = (
        f"union all select trial_id, started_at from ({trials}) where _broken is null and not _copy" if trials else ""
    )
    every_trial = f"select trial_id, started_at from known_trials {staged}"
    return judge(connection, table, typed, trials=every_trial, known=f"known_{table.name}", read_at=read_at)


def type_rows(connection: duckdb.DuckDBPyConnection, source: Source, reading: Reading) -> str:
    """Name of a temp table with READING and the columns of the contract as typed values.

    Raises:
        SourceError: the SQL of the mapping fails on a row.
    """
    import duckdb

    table = reading.table
    typed = f"_typed_{table.name}"
    values = ", ".join(f"{read_as(c.type, name(c.name))} as {name('=' + c.name)}" for c in table.columns)
    texts = ", ".join(name(c.name) for c in table.columns)
    columns = ", ".join(f"{name('=' + c.name)} as {name(c.name)}" for c in table.columns)
    query = (
        f"select row_number() over () as _row, _file, _line, _raw, _wrong, {_misread(table.columns)} as _misread, {columns} "
        f"from (select _file, _line, _raw, _wrong, {texts}, {values} from {reading.view})"
    )
    try:
        connection.execute(f"create or replace temp table {typed} as {query}")
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
        # DuckDB quotes the value, which may be somebody's name: neither its words nor the error itself go on
        raise SourceError(
            f"{source.mapping_file or source.folder}, table {table.name}: a value stops the reading"
            f"{_where(connection, reading)}\n"
            "  do: use try_cast instead of cast in the SQL of the mapping; what cannot be read is then quarantined by itself"
        ) from None
    return typed


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


def _facts(reading: Reading) -> str:
    """SQL: one row a file, as written beside the staged rows: its own columns, and those of the contract that the table has."""
    given = f"{_list(reading.given)} as given"
    rows = [
        f"select {quoted(f.file)} as file, {f.rows}::bigint as rows, {f.unreadable}::bigint as unreadable, "
        f"{quoted(f.problem)} as problem, {_list(f.columns)} as columns, {given}"
        for f in reading.files
    ]
    nothing = f"select '' as file, 0::bigint as rows, 0::bigint as unreadable, '' as problem, {_list(())} as columns, {given} where false"
    return " union all ".join(rows) or nothing


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(quoted(text) for text in texts)}]::varchar[]"

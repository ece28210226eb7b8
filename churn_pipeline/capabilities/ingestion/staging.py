"""A source is staged: every row of a raw table, typed and judged, written for the day of the run. Nothing is lost here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import record_key
from churn_pipeline.adapters.sources import Reading, Source, SourceError, SourceFile
from churn_pipeline.adapters.sources.increments import Increment
from churn_pipeline.adapters.sources.table_reader import QUARANTINE, read_table
from churn_pipeline.capabilities.ingestion.deletions import deletions
from churn_pipeline.capabilities.ingestion.judge import judge, judged_columns
from churn_pipeline.contracts.derive.rules import UNKNOWN_TRIAL
from churn_pipeline.contracts.lake import DISMISSED_ISSUES
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import sql_instant

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
    deletions: int
    """Records that are newly gone from the source, or newly there again."""
    since: datetime | int | None
    """From which moment or number of its cursor on the table was read; null: from the beginning."""


def stage_table(
    lake: Lake,
    source: Source,
    table: Table,
    *,
    as_of: datetime,
    read_at: datetime,
    max_deleted_share: float = 1,
    batch: str = "",
) -> Staged:
    """Read, type and judge one raw table, and write it for the day as `staged_<table>`.

    Beside it stand its files (`staged_<table>_files`), what the source has no longer (`staged_<table>_deletions`) and how
    far it has been read (`staged_<table>_cursor`). `trials` has to be staged before the tables whose records belong to one.
    `batch` names a replay, which stands beside the day's own batch. Of a table of which only what is new is read, the
    rows in quarantine whose trial has come by now are read again.

    Raises:
        SourceError: the mapping names what is not there, its SQL does not run, a file changed meanwhile, or too much would be deleted.
    """
    with lake.engine.connection() as connection:
        by = source.increments.get(table.name)
        since = by.since if by is not None else None
        trials = _every_trial(connection, lake, table, as_of, batch)
        waiting = _waiting(connection, lake, table, trials) if since is not None and table.trial else ""
        reading = read_table(source, connection, table, again=waiting)
        lake.history(connection, table, view=f"known_{table.name}")
        rows = judge(connection, source, reading, trials=trials, known=f"known_{table.name}", read_at=read_at)
        judged = f"select {judged_columns(table)} from ({rows})"
        count = lake.write(connection, f"staged_{table.name}", as_of, judged, batch=batch)
        _require_unchanged(connection, source, table, lake.rows(f"staged_{table.name}", as_of, batch=batch))
        lake.write(connection, f"staged_{table.name}_files", as_of, _facts(reading, since), batch=batch)
        gone = deletions(connection, lake, source, reading, max_share=max_deleted_share, read_at=read_at)
        newly = lake.write(connection, f"staged_{table.name}_deletions", as_of, gone, batch=batch)
        cursor = _cursor(table, by, source.read_up_to(connection, table, read_at=read_at))
        lake.write(connection, f"staged_{table.name}_cursor", as_of, cursor, batch=batch)
    return Staged(table.name, count, reading.files, reading.missing, reading.absent, newly, since)


def _every_trial(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime, batch: str) -> str:
    """SQL: trial_id and started_at of the trials that have landed, and of the good ones that are staged beside `table`."""
    lake.history(connection, TRIALS, view="known_trials")
    every = "select trial_id, started_at from known_trials"
    if table.trial is None:
        return every
    staged = lake.rows(f"staged_{TRIALS.name}", as_of, batch=batch)
    return f"{every} union all select trial_id, started_at from ({staged}) where _broken is null and not _copy"


def _waiting(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, trials: str) -> str:
    """SQL: the raw rows in quarantine that came before their trial, which is there by now; not what has landed or was dismissed.

    A reading of what is new does not come across them again.
    """
    found = lake.every_day(
        f"quarantined_{table.name}",
        "null::varchar as issue_id, null::varchar as trial_id, null::varchar as record_key, null::varchar as rule, null::varchar as raw_row",
    )
    lake.history(connection, table, view="landed_before")
    lake.history(connection, DISMISSED_ISSUES, view="dismissed")
    return (
        f"select distinct raw_row::varchar as raw_row from ({found}) as found where rule = {quoted(UNKNOWN_TRIAL)} "
        f"and trial_id in (select trial_id from ({trials})) and issue_id not in (select issue_id from dismissed) "
        f"and not exists (select 1 from landed_before as landed where {record_key(table)} = found.record_key)"
    )


def _cursor(table: Table, by: Increment | None, read_up_to: datetime | int | None) -> str:
    """SQL: how far the table has been read, or no row where it has no cursor or nothing was read."""
    columns = {
        "table_name": quoted(table.name),
        "cursor": quoted(by.cursor if by else ""),
        "read_up_to": sql_instant(read_up_to) if isinstance(read_up_to, datetime) else "null::timestamptz",
        "read_up_to_number": f"{read_up_to if isinstance(read_up_to, int) else 'null'}::bigint",
        "origin": quoted(by.origin if by else ""),
    }
    listed = ", ".join(f"{value} as {column}" for column, value in columns.items())
    return f"select {listed} where {read_up_to is not None}"


def _require_unchanged(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, staged: str) -> None:
    """A rejected row is looked up where it was read; a file that was replaced meanwhile has none there."""
    (gone,) = connection.execute(
        f"select count(*) from ({staged}) where _broken is not null and _raw is null"
    ).fetchone() or (0,)
    if gone:
        raise SourceError(
            f"{source.named}, {table.name}: files changed while they were read ({gone:,} rows are not where they were)\n"
            "  do: run again once nobody writes there; nothing of it has been used"
        )


def _facts(reading: Reading, since: datetime | int | None) -> str:
    """SQL: one row a file, as written beside the staged rows: its own columns, those of the contract that the table has,
    from when on it was read, and how many rows are `due` of the table as a whole."""
    begin = "null::varchar" if since is None else f"{quoted(str(since))}::varchar"
    given = f"{_list(reading.given)} as given, {begin} as since, {reading.due}::bigint as due"
    rows = [
        f"select {quoted(f.file)} as file, {f.rows}::bigint as rows, {f.unreadable}::bigint as unreadable, "
        f"{quoted(f.problem)} as problem, {_list(f.columns if f.file != QUARANTINE else ())} as columns, {_list(f.kinds)} as kinds, {given}"
        for f in reading.files
    ]
    nothing = f"select '' as file, 0::bigint as rows, 0::bigint as unreadable, '' as problem, {_list(())} as columns, {_list(())} as kinds, {given} where false"
    return " union all ".join(rows) or nothing


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(quoted(text) for text in texts)}]::varchar[]"

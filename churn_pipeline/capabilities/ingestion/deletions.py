"""What the source no longer has: facts about records, known from a moment on. The records themselves stay as they were.

A source says it in one of two ways: by a mark on the record (`deleted` in the mapping), or by no longer having it
(`deletes: compare keys`). Either way a day before that moment knows the record, and every later day does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import record_key
from churn_pipeline.adapters.sources import Reading, Source, SourceError
from churn_pipeline.adapters.sources.reading import MARK
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.lake import DELETIONS
from churn_pipeline.contracts.spec import Instant, Table
from churn_pipeline.core.clock import sql_instant

if TYPE_CHECKING:
    import duckdb

NOTHING = "select '' as table_name, '' as record_key, null::timestamptz as known_at, false as gone where false"
UNMARKED = ("false", "f", "no", "n", "0")
MARKED = ("true", "t", "yes", "y", "1")


def deletions(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    source: Source,
    reading: Reading,
    *,
    max_share: float,
    read_at: datetime,
) -> str:
    """SQL that gives the rows of DELETIONS that a reading adds: what is newly gone, and what is newly there again.

    A reading of which a row could not be read proves no record gone: its key may stand in that row.

    Raises:
        SourceError: a mark says neither when nor whether, or more than `max_share` of the known records would be gone.
    """
    mapped = source.mapped(reading.table)
    if mapped is None or not (mapped.deleted or mapped.deletes) or any(file.problem for file in reading.files):
        return NOTHING
    table = reading.table
    state = f"_state_{table.name}"
    connection.execute(f"create or replace temp table {state} as {_last_state(connection, lake, table)}")
    found = []
    if mapped.deleted:
        _require_marks(connection, source, reading)
        found.append(_by_mark(reading, read_at))
    if mapped.deletes and not _unreadable(connection, reading):
        gone = f"_gone_{table.name}"
        connection.execute(f"create or replace temp table {gone} as {_by_keys(lake, connection, reading, read_at)}")
        _require_few(connection, lake, source, table, gone, max_share)
        found.append(f"select * from {gone}")
    if not found:
        return NOTHING
    return (
        f"select {quoted(table.name)} as table_name, record_key, max(known_at) as known_at, bool_or(now.gone) as gone "
        f"from ({' union all '.join(found)}) as now left join {state} as before using (record_key) "
        "group by record_key having bool_or(now.gone) <> coalesce(any_value(before.gone), false)"
    )


def _last_state(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table) -> str:
    lake.history(connection, DELETIONS, view="_deletions")
    return (
        f"select record_key, arg_max(gone, known_at) as gone from _deletions where table_name = {quoted(table.name)} "
        "group by record_key"
    )


def _by_mark(reading: Reading, read_at: datetime) -> str:
    """SQL: each record that was read, whether its newest version is marked, and since when."""
    table = reading.table
    key = _read_key(table)
    moment = read_as(Instant(), MARK)
    now = sql_instant(read_at)
    flagged = f"lower(trim({MARK})) in ({', '.join(quoted(word) for word in MARKED)})"
    gone = f"coalesce({moment} <= {now}, {flagged}, false)"
    version = read_as(Instant(), name(table.versioned_by)) if table.versioned_by else "null::timestamptz"
    return (
        f"select record_key, coalesce(arg_max(marked_at, version), {now}) as known_at, arg_max(gone, version) as gone "
        f"from (select {key} as record_key, {gone} as gone, case when {gone} then {moment} end as marked_at, "
        f"(coalesce({version}, timestamptz 'epoch'), {gone}) as version from {reading.view} where _wrong is null) "
        "where record_key is not null group by record_key"
    )


def _by_keys(lake: Lake, connection: duckdb.DuckDBPyConnection, reading: Reading, read_at: datetime) -> str:
    """SQL: each record that has landed or is there, and whether it is gone."""
    table = reading.table
    lake.history(connection, table, view="_landed")
    there = f"select distinct {_read_key(table)} as record_key from ({reading.keys})"
    landed = f"select distinct {record_key(table)} as record_key from _landed as landed"
    return (
        f"select record_key, {sql_instant(read_at)} as known_at, there.record_key is null as gone "
        f"from ({landed}) as landed left join ({there}) as there using (record_key)"
    )


def _read_key(table: Table) -> str:
    """SQL: the key of a record as read, in the words of the lake's; null where it cannot be read."""
    parts = [f"({read_as(table.column(c).type, name(c))})::varchar" for c in table.key]
    return " || '/' || ".join(parts)


def _unreadable(connection: duckdb.DuckDBPyConnection, reading: Reading) -> bool:
    found = connection.execute(
        f"select (select count(*) from {reading.view} where _wrong is not null) + "
        f"(select count(*) from ({reading.keys}) where ({_read_key(reading.table)}) is null)"
    ).fetchall()
    return bool(found[0][0])


def _require_marks(connection: duckdb.DuckDBPyConnection, source: Source, reading: Reading) -> None:
    words = ", ".join(quoted(word) for word in (*MARKED, *UNMARKED))
    bad = f"{MARK} is not null and ({read_as(Instant(), MARK)}) is null and lower(trim({MARK})) not in ({words})"
    found = connection.execute(f"select count(*), min(_file), min(_line) from {reading.view} where {bad}").fetchall()
    count, file, line = found[0]
    if count:
        place = f"{file} line {line}" if line is not None else file
        raise SourceError(
            f"{source.mapping_file}, tables.{reading.table.name}.deleted: {count:,} rows say neither when nor whether they "
            f"were deleted (first: {place})\n"
            f"  allowed: a moment (ISO 8601), or one of {', '.join((*MARKED, *UNMARKED))}; null where it is not deleted\n"
            "  do: map it by `format` or `sql`, e.g. deleted: {sql: \"status = 'deleted'\"}"
        )


def _require_few(
    connection: duckdb.DuckDBPyConnection, lake: Lake, source: Source, table: Table, gone: str, max_share: float
) -> None:
    """That a table is suddenly empty is a fault of the source far more often than a wish."""
    found = connection.execute(
        f"select count(*) filter (now.gone), count(*) from {gone} as now left join _state_{table.name} as before "
        "using (record_key) where not coalesce(before.gone, false)"
    ).fetchall()
    newly, known = found[0]
    if known and newly > max_share * known:
        raise SourceError(
            f"{source.named}, {table.name}: {newly:,} of {known:,} known records ({newly / known:.1%}) are not in the source any more\n"
            f"  allowed: at most {max_share:.0%} deleted between two readings (max_deleted_share); nothing has been changed\n"
            "  do: see that the source is whole; if it is, run once with a larger CHURN_MAX_DELETED_SHARE"
        )

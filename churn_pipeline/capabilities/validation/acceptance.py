"""What a checked batch leaves behind: good rows in the lake, rejected rows with their reasons, and the row law."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake, Landed
from churn_pipeline.adapters.records import known_at
from churn_pipeline.adapters.sources import RowLawError
from churn_pipeline.adapters.sources.mapping import Mapped
from churn_pipeline.adapters.sources.wording import in_source_words
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, INGESTION_COUNTS, SOURCE_WATERMARKS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.derive.rules import Rule, all_rules
from churn_pipeline.contracts.lake import DELETIONS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import sql_instant

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Accepted:
    """One table of a batch, taken in. Rows read, as the reader counted them, = kept + quarantined + duplicate.

    `new` of the kept were not known.
    """

    table: str
    read: int
    kept: int
    quarantined: int
    duplicate: int
    new: int
    issues: pa.Table
    """The quarantined rows, as rows of data_quality_issues."""
    counts: pa.Table
    """One row of ingestion_counts."""


def accept(
    lake: Lake,
    table: Table,
    *,
    as_of: datetime,
    read_at: datetime,
    run_id: str,
    batch: str = "",
    history: bool = True,
    mapped: Mapped | None = None,
) -> Accepted:
    """Land the good rows of `staged_<table>` in the lake and write the others as `quarantined_<table>` of the day.

    Doing it twice changes nothing but run_id and moments. `batch` names a replay. A table without `history` is whole in every
    reading: its good rows are those of the day, and what earlier days had does not come into it. `mapped` is how the mapping makes the
    table: reasons are told in its words.

    Raises:
        RowLawError: the rows do not add up.
    """
    staged = lake.rows(f"staged_{table.name}", as_of, batch=batch)
    with lake.engine.connection() as connection:
        connection.execute(f"create temp view staged as {staged}")
        read, duplicate = _counted(connection, lake, table, as_of, batch)
        connection.execute("create temp view good as select * from staged where _broken is null and not _copy")
        landed = lake.land(connection, table, "good") if history else _write(connection, lake, table, as_of)
        lake.land(connection, DELETIONS, f"({lake.rows(f'staged_{table.name}_deletions', as_of, batch=batch)})")
        connection.execute(f"create temp table rejected as {_issues(table, mapped, read_at=read_at, run_id=run_id)}")
        carried = _carry(connection, lake, table, as_of, batch)
        rejected = "select * from rejected union all by name select * from carried"
        quarantined = lake.write(connection, f"quarantined_{table.name}", as_of, rejected, batch=batch) - carried
    kept = landed.new + landed.known
    if read != kept + quarantined + duplicate:
        parts = f"{kept:,} kept + {quarantined:,} quarantined + {duplicate:,} duplicates"
        raise RowLawError(table.name, f"{read:,} rows read, but {parts}")
    return Accepted(
        table.name,
        read,
        kept,
        quarantined,
        duplicate,
        landed.new,
        lake.read(f"quarantined_{table.name}", as_of, select=", ".join(DATA_QUALITY_ISSUES.names), batch=batch).cast(
            arrow_schema(DATA_QUALITY_ISSUES)
        ),
        _counts(run_id, table.name, as_of, read, kept, quarantined, duplicate, landed.new, read_at),
    )


def _write(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime) -> Landed:
    """Write view `good` as the table of the day."""
    columns = ", ".join(name(column) for column in table.names)
    return Landed(new=lake.write(connection, table.name, as_of, f"select {columns} from good"), known=0)


def _counted(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime, batch: str
) -> tuple[int, int]:
    """The rows of view `staged` and the exact copies among them; as many were staged as the reader of the source counted."""
    files = lake.rows(f"staged_{table.name}_files", as_of, batch=batch)
    (due,) = connection.execute(f"select coalesce(any_value(due), 0) from ({files})").fetchone() or (0,)
    rows, copies = connection.execute("select count(*), count(*) filter (_copy) from staged").fetchone() or (0, 0)
    if rows != due:
        raise RowLawError(table.name, f"{due:,} rows were read from the source, {rows:,} were staged")
    return rows, copies


def _carry(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime, batch: str) -> int:
    """Make view `carried` of what the day rejected before and a reading of what is new did not come across; gives its rows."""
    dataset, files = f"quarantined_{table.name}", lake.rows(f"staged_{table.name}_files", as_of, batch=batch)
    (whole,) = connection.execute(f"select count(since) = 0 from ({files})").fetchone() or (True,)
    before = "from rejected where false"
    if not whole and lake.has(dataset, as_of, batch=batch):
        before = lake.rows(dataset, as_of, batch=batch) + " where issue_id not in (select issue_id from rejected)"
    connection.execute(f"create temp view carried as {before}")
    (rows,) = connection.execute("select count(*) from carried").fetchone() or (0,)
    return int(rows)


def move_watermark(
    lake: Lake, warehouse: Warehouse, table: Table, *, as_of: datetime, read_at: datetime, run_id: str
) -> None:
    """Note how far the batch of a day, which has landed, has read its table; nothing for what has no cursor.

    Whoever is killed between landing and this reads the same rows again, which changes nothing.
    """
    moved = f"table_name, cursor, read_up_to, read_up_to_number, origin, {sql_instant(read_at)} as moved_at, {quoted(run_id)} as run_id"
    mark = lake.read(f"staged_{table.name}_cursor", as_of, select=moved)
    if mark.num_rows:
        warehouse.replace(SOURCE_WATERMARKS, mark, where={"table_name": table.name})


def forget_batches(lake: Lake, as_of: datetime) -> None:
    """Remove what was staged for other days: it has landed, or was refused.

    The files of the batch before stay, and those of later days: schema drift looks at them.
    """
    today = f"{as_of:%Y-%m-%d}"
    for folder in sorted(lake.root.glob("staged_*")):
        kept = {today}
        if of_files := folder.name.endswith("_files"):
            kept.add(f"{lake.newest_before(folder.name, as_of) or as_of:%Y-%m-%d}")
        for path in folder.glob("*.parquet"):
            day = path.stem[: len(today)]
            if day not in kept and not (of_files and day > today):
                path.unlink()


def _counts(*values: object) -> pa.Table:
    import pyarrow as pa

    schema = arrow_schema(INGESTION_COUNTS)
    return pa.table([pa.array([value], field.type) for value, field in zip(values, schema, strict=True)], schema=schema)


def _issues(table: Table, mapped: Mapped | None, *, read_at: datetime, run_id: str) -> str:
    """SQL: the rejected rows of view `staged` as rows of data_quality_issues, in the order of the files.

    Beside them stand the trial that the record speaks of, when it became known and its version, as far as they could be
    read. A version that could not be read is no later than the reading.
    """
    rule = "_broken[1]"
    key = " || '/' || ".join(f"coalesce({name(c)}::varchar, _misread[{quoted(c)}])" for c in table.key)
    # neither file nor line: the next export, under a new name, brings the same bad rows again
    identity = f"concat_ws('|', {quoted(table.name)}, {key}, {rule}, _raw)"
    cases = " ".join(
        f"when {quoted(r.name)} then {because(in_source_words(r, mapped))}" for r in all_rules(table, read_at=read_at)
    )
    columns = {
        "issue_id": f"md5({identity})",
        "table_name": quoted(table.name),
        "record_key": f"left({_clean(key)}, 2000)",
        "rule": rule,
        "because": f"left({_clean(f'case {rule} {cases} end')}, 2000)",
        "file": "left(_file, 2000)",
        "line": "_line",
        "raw_row": "_raw",
        "found_at": f"timestamptz {quoted(read_at.isoformat())}",
        "run_id": quoted(run_id),
    }
    listed = ", ".join(f"{columns[c]} as {name(c)}" for c in DATA_QUALITY_ISSUES.names)
    trial = name(table.trial) if table.trial else "null::varchar"
    version, unread = "null::timestamptz", f"timestamptz {quoted(read_at.isoformat())}"
    if table.versioned_by:
        version = f"case when _misread[{quoted(table.versioned_by)}] is not null then {unread} else {name(table.versioned_by)} end"
    return (
        f"select {listed}, {trial} as trial_id, {known_at(table)} as known_at, {version} as version "
        "from staged where _broken is not null order by _file, _line, _row"
    )


def because(rule: Rule) -> str:
    """SQL: what was wrong with a row, what is allowed and what to do. Personal values are not repeated."""
    shown = f"coalesce({rule.shows}, 'null')::varchar" if rule.shows else ""
    what = (
        quoted(rule.column or "the row") if rule.name != "missing_key" else quoted(f"key column {rule.column} is null")
    )
    start = f"{what} || ': ' || {shown}" if shown else what
    return f"{start} || {quoted(f'; allowed: {rule.allowed}; do: {rule.do}')}"


def _clean(text: str) -> str:
    """SQL: a text without the character that PostgreSQL cannot hold."""
    return f"replace({text}, chr(0), '')"

"""A team's own feature table: opened, looked at column by column, and staged like a raw table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.feature_table import columns_rows, require_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source, SourceError
from churn_pipeline.adapters.sources.files import read_file
from churn_pipeline.adapters.sources.mapping import Files, Mapped, Mapping, TableSpec, Taken
from churn_pipeline.adapters.sources.reading import FileRows
from churn_pipeline.capabilities.ingestion.columns import Seen, judged, label_text, look, trimmed, without_markers
from churn_pipeline.capabilities.ingestion.profile import dialect
from churn_pipeline.capabilities.ingestion.staging import Staged, stage_table
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.feature_table import NAME, ROW_NUMBER, FeatureTable, TableColumn, Use
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS
from churn_pipeline.contracts.spec import Instant
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.spelling import did_you_mean, listed

if TYPE_CHECKING:
    import duckdb

LINE = "_file || ':' || coalesce(_line, _place)"
"""SQL: what a row is called that has no id."""


@dataclass(frozen=True)
class Looked:
    """A feature table that was looked at: what its columns are for, and what the labels are."""

    table: FeatureTable
    seen: dict[str, Seen]
    rows: int
    labels: dict[str, int]
    """Rows of each label, the commonest first, at most twenty."""
    unlabelled: int
    """Rows without one, which are to be scored."""
    named: dict[str, str]
    """What each column is called in the table: names that SQL cannot hold are changed."""
    nulls: dict[str, int]
    """Rows in which each column is null."""
    files: Files
    """Where the table is, and how it is written."""
    time_format: str | None = None


def stage_feature_table(
    lake: Lake, source: Source, spec: TableSpec, *, as_of: datetime, read_at: datetime
) -> tuple[Looked, Staged]:
    """Look at the table, write what its columns are for as `feature_table_columns`, and stage its rows for the day.

    Raises:
        SourceError: there is no such file, table or column, or no row with the label that counts as converted.
    """
    before = lake.newest_before(FEATURE_TABLE_COLUMNS.name, as_of)
    looked = look_at(lake, source, spec, before=require_columns(lake, before) if before else None)
    with lake.engine.connection() as connection:
        lake.write(connection, FEATURE_TABLE_COLUMNS.name, as_of, columns_rows(looked.table))
    mapping = Mapping.model_construct(tables={NAME: _mapped(looked)}, files={})
    staged = stage_table(lake, replace(source, mapping=mapping), looked.table.contract, as_of=as_of, read_at=read_at)
    return looked, staged


def look_at(lake: Lake, source: Source, spec: TableSpec, *, before: FeatureTable | None = None) -> Looked:
    """What the columns of the table are for; `before` says what they were for when it was read last.

    Raises:
        SourceError: there is no such file, table or column, or no row with the label that counts as converted.
    """
    files = _with_dialect(source, spec.files)
    with lake.engine.connection() as connection:
        read = _read(connection, source, files)
        named = _named(read)
        roles = _roles(spec, named, source)
        features = tuple(column for column in named if column not in roles)
        _gather(connection, read, named)
        labels = _labels(connection, source, spec)
        seen = look(connection, "_table", features, label=spec.label, positive=spec.positive)
        label = label_text(name(spec.label), spec.positive)
        rows, known = connection.execute(f"select count(*), count({label}) from _table").fetchone() or (0, 0)
        numbers = {column for column in features if seen[column].kind == "number"}
        nulls = _nulls(connection, [column for column in named if column != spec.label], numbers)
    was = {column.name: column for column in before.columns} if before else {}
    said: dict[str, Any] = {"keep": frozenset(spec.keep), "drop": frozenset(spec.drop), "kinds": spec.kinds}
    told = [judged(c, seen[c], before=was.get(c), **said) for c in features]
    _require_segment(spec, told, source)
    id_ = spec.id or ROW_NUMBER
    who = [TableColumn(id_, "category", Use.ID), TableColumn(spec.label, "category", Use.LABEL)]
    when = [TableColumn(spec.time, "category", Use.TIME)] if spec.time else []
    return Looked(
        FeatureTable((*who, *when, *told), spec.positive),
        seen,
        rows,
        labels,
        rows - known,
        named,
        nulls | {spec.label: rows - known},
        files,
        spec.time_format,
    )


def require_named(lake: Lake, source: Source, spec: TableSpec) -> None:
    """Return if the table can be read and has every column that is named.

    Raises:
        SourceError: there is no such file, table or column.
    """
    with lake.engine.connection() as connection:
        _roles(spec, _named(_read(connection, source, _with_dialect(source, spec.files))), source)


def newest_time(lake: Lake, source: Source, spec: TableSpec, *, now: datetime) -> datetime | None:
    """The newest time of a row up to `now`; null where the table names no time, or holds none.

    Raises:
        SourceError: there is no such file, table or column.
    """
    if spec.time is None:
        return None
    with lake.engine.connection() as connection:
        read = _read(connection, source, _with_dialect(source, spec.files))
        named = _named(read)
        _roles(spec, named, source)
        _gather(connection, read, named)
        text = name(spec.time)
        parsed = f"try_strptime({text}, {quoted(spec.time_format)})" if spec.time_format else text
        time = read_as(Instant(), f"coalesce({parsed}::varchar, {text})")
        found = connection.execute(f"select max({time}) filter ({time} <= {sql_instant(now)}) from _table").fetchone()
    newest: datetime | None = found[0] if found else None
    return newest


def _with_dialect(source: Source, files: Files) -> Files:
    """How the files are written, told from the first of them where the mapping leaves it open."""
    paths = source.matching(files, NAME)
    if source.address or not paths or "delimiter" in files.model_fields_set:
        return files
    return files.model_copy(update=dialect(paths[0]))


def _require_segment(spec: TableSpec, columns: Sequence[TableColumn], source: Source) -> None:
    for column in columns:
        if column.name == spec.segment and column.use is not Use.FEATURE:
            raise SourceError(
                f"{source.named}: column {column.name} cannot be the segment, it is left out: {column.because}\n"
                "  do: name another column, or use it all the same (--keep)"
            )


def _read(connection: duckdb.DuckDBPyConnection, source: Source, files: Files) -> list[FileRows]:
    paths = source.matching(files, NAME)
    read = [
        read_file(connection, path, source.shown(path), files, view=f"_looked_{n}", written=source.copied.get(path))
        for n, path in enumerate(paths)
    ]
    problems = [f"{rows.fact.file}: {rows.fact.problem}" for rows in read if rows.fact.problem]
    if problems or not read:
        raise SourceError(
            "\n".join(problems or [f"{source.named}: there is no {listed(list(files.patterns))}"])
            + "\n  allowed: CSV or JSON lines (also as .gz or .zst), Parquet, a table of a database"
            "\n  do: name one that is there, written as its name says"
        )
    return read


def _named(read: Sequence[FileRows]) -> dict[str, str]:
    """The columns of the table: how we call each, and how it is called there."""
    named: dict[str, str] = {}
    for column in dict.fromkeys(c for rows in read for c in rows.fact.columns):
        called = column.replace("'", "_").replace('"', "_")
        named[f"column{called}" if called.startswith("_") else called] = column
    return named


def _roles(spec: TableSpec, named: dict[str, str], source: Source) -> set[str]:
    asked = {
        "id": [spec.id] if spec.id else [],
        "label": [spec.label],
        "time": [spec.time] if spec.time else [],
        "segment": [spec.segment] if spec.segment else [],
        "drop": list(spec.drop),
        "keep": list(spec.keep),
        "kinds": list(spec.kinds),
    }
    lost = [
        f"  {key}: no column {c}{did_you_mean(c, named)}"
        for key, columns in asked.items()
        for c in columns
        if c not in named
    ]
    if lost:
        raise SourceError(
            f"{source.named}, the feature table does not have what was named:\n"
            + "\n".join(lost)
            + f"\n  allowed: {', '.join(named)}\n  do: name its columns as they are written there"
        )
    return {column for key in ("id", "label", "time") for column in asked[key]}


def _gather(connection: duckdb.DuckDBPyConnection, read: Sequence[FileRows], named: dict[str, str]) -> None:
    """Put the rows that could be read into table `_table`, as texts."""
    every = " union all by name ".join(f"select * from {rows.view} where _wrong is null" for rows in read)
    columns = ", ".join(f"{name(there)} as {name(column)}" for column, there in named.items())
    connection.execute(f"create or replace temp table _table as select {columns} from ({every})")


def _nulls(connection: duckdb.DuckDBPyConnection, columns: Sequence[str], numbers: Container[str]) -> dict[str, int]:
    """Rows of `_table` in which each column is null; words that say so count where it holds numbers."""
    texts = (without_markers(name(c)) if c in numbers else trimmed(name(c)) for c in columns)
    counted = ", ".join(["count(*)", *(f"count({text})" for text in texts)])
    rows, *filled = connection.execute(f"select {counted} from _table").fetchone() or (0,)
    return {column: rows - many for column, many in zip(columns, filled, strict=True)}


def _labels(connection: duckdb.DuckDBPyConnection, source: Source, spec: TableSpec) -> dict[str, int]:
    told = label_text(name(spec.label), spec.positive)
    found = dict(
        connection.execute(
            f"select {told}, count(*) from _table where {told} is not null group by 1 order by 2 desc, 1 limit 20"
        ).fetchall()
    )
    if spec.positive not in found:
        counted = connection.execute(f"select count(*) from _table where {told} = {quoted(spec.positive)}").fetchone()
        if not counted or not counted[0]:
            raise SourceError(
                f"{source.named}: no row of the feature table has {spec.label} = {spec.positive}\n"
                f"  there is: {', '.join(f'{label} ({n:,} rows)' for label, n in found.items()) or 'no label at all'}\n"
                "  do: name the label that counts as converted, as it is written there"
            )
    return {str(label): int(n) for label, n in found.items()}


def _mapped(looked: Looked) -> Mapped:
    """How the rows are read once it is known what the columns are for."""
    kinds = {column.name: column.kind for column in looked.table.features}

    def taken(column: str) -> Taken:
        if column == ROW_NUMBER and column not in looked.named:
            return Taken(sql=LINE)
        if column == looked.table.time:
            return Taken(column=looked.named[column], format=looked.time_format)
        text = name(looked.named[column])
        if column == looked.table.label:
            return Taken(sql=label_text(text, looked.table.positive))
        return Taken(sql=without_markers(text) if kinds.get(column) == "number" else trimmed(text))

    return Mapped(files=looked.files, columns={c.name: taken(c.name) for c in looked.table.contract.columns})

"""What a source holds, told before anything is done with it. Nothing lands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import known_at
from churn_pipeline.adapters.sources import Source, SourceFile
from churn_pipeline.adapters.sources.mapping import Mapped
from churn_pipeline.adapters.sources.table_reader import read_table
from churn_pipeline.adapters.sources.wording import in_source_words
from churn_pipeline.capabilities.ingestion.staging import Staged, stage_table
from churn_pipeline.capabilities.ingestion.typed import read_typed, typed_query
from churn_pipeline.contracts.derive.rules import all_rules, row_rules
from churn_pipeline.contracts.raw import RAW_TABLES, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Presence, Table
from churn_pipeline.core.clock import midnight

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that rows of a table break first, how many do, and where the first of them stands."""

    rule: str
    column: str
    rows: int
    place: str
    value: str
    """What stood there; empty where it must not be shown."""
    allowed: str
    do: str


@dataclass(frozen=True, slots=True)
class TableDescription:
    """What was found of one raw table. `first` and `last` are the moments at which its good records became known."""

    table: str
    presence: Presence
    files: tuple[SourceFile, ...]
    rows: int
    good: int
    duplicates: int
    broken: tuple[Broken, ...]
    first: datetime | None
    last: datetime | None
    missing: tuple[str, ...]
    """Columns that the contract needs and the source does not have."""
    absent: tuple[str, ...]
    """Columns that may be left out and are; all of them where the table is not there."""
    nulls: Mapping[str, int]
    """Good records in which each column that the source has is null."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What would diminish a run, each with its first example and what to do; what would stop it is told by the checks."""
        if not self.files and self.presence is Presence.FOR_TRAINING:
            return (
                f"{self.table}: not found; without it nothing can be learnt, trials are scored by the rules\n"
                f"  do: add {self.table}.csv, or an entry tables.{self.table} to the mapping",
            )
        return tuple(
            f"{self.table}: {broken.rows:,} of {self.rows:,} rows break {broken.rule}, first: {broken.place}"
            f"{f' ({broken.value})' if broken.value else ''}\n  allowed: {broken.allowed}\n  do: {broken.do}"
            for broken in self.broken
            if broken.column not in self.missing  # the checks tell that no file has it
        )


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of how many trials it is said that they converted, and of how many of those on the day on which they began."""

    trials: int
    converted: int
    at_once: int

    def __str__(self) -> str:
        """A sentence for people; with a doubt where most conversions lie where trials begin."""
        said = f"{self.converted:,} of {self.trials:,} trials converted, {self.at_once:,} of them on the day they began"
        doubt = f": is {SUBSCRIPTIONS.name}.started_at when they converted, or when their trial began?"
        return said + (doubt if 2 * self.at_once > self.converted else "")


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What was found in a source, table by table, what became of its trials, and the files that belong to no table."""

    tables: tuple[TableDescription, ...]
    outcomes: Outcomes
    unused: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Every problem of every table."""
        return tuple(problem for table in self.tables for problem in table.problems)


@contextmanager
def beside(lake: Lake, *, without: str = "") -> Iterator[Lake]:
    """A lake that knows what has landed in another, and in which a day may be staged to look at it; gone afterwards.

    Of the table `without` it knows nothing.
    """
    with TemporaryDirectory(prefix="churn-look-") as folder:
        root = Path(folder) / "lake"
        (root / "raw").mkdir(parents=True)
        landed = (lake.root / "raw").iterdir() if (lake.root / "raw").exists() else ()
        for place in landed:
            if place.stem != without:
                (root / "raw" / place.name).symlink_to(place.resolve())
        yield replace(lake, root=root, engine=replace(lake.engine, spill=Path(folder) / "spill"))


def describe_source(
    lake: Lake, source: Source, *, read_at: datetime, max_deleted_share: float = 1
) -> SourceDescription:
    """Stage a whole source in a lake made by `beside`, as of the midnight before `read_at`, and say what was found.

    Raises:
        SourceError: the mapping names what is not there, its SQL does not run, or too much would be deleted.
    """
    as_of = midnight(read_at.date())
    tables = []
    for table in RAW_TABLES:
        staged = stage_table(lake, source, table, as_of=as_of, read_at=read_at, max_deleted_share=max_deleted_share)
        with lake.engine.connection() as connection:
            connection.execute(f"create temp view staged as {lake.rows(f'staged_{table.name}', as_of)}")
            tables.append(_describe(connection, table, staged, source.mapped(table), read_at))
    used = {path for table in RAW_TABLES for path in source.files(table)}
    unused = tuple(source.shown(path) for path in source.all_files() if path not in used and not source.address)
    return SourceDescription(tuple(tables), _outcomes(lake, as_of), unused)


def _outcomes(lake: Lake, as_of: datetime) -> Outcomes:
    trials, subscriptions = (lake.rows(f"staged_{table.name}", as_of) for table in (TRIALS, SUBSCRIPTIONS))
    good = "where _broken is null and not _copy"
    with lake.engine.connection() as connection:
        found = connection.execute(
            f"with bought as (select trial_id, min(started_at) as converted_at from ({subscriptions}) {good} group by trial_id) "
            "select count(*), count(converted_at), count(*) filter (cast(converted_at as date) = cast(began as date)) "
            f"from (select trial_id, min(started_at) as began from ({trials}) {good} group by trial_id) left join bought using (trial_id)"
        ).fetchone()
    return Outcomes(*(found or (0, 0, 0)))


def _describe(
    connection: duckdb.DuckDBPyConnection, table: Table, staged: Staged, mapped: Mapped | None, read_at: datetime
) -> TableDescription:
    good = "_broken is null and not _copy"
    moments = f"nullif({known_at(table)}, timestamptz 'epoch')"
    found = connection.execute(
        f"select count(*) filter ({good}), count(*) filter (_copy), min({moments}) filter ({good}), "
        f"max({moments}) filter ({good}) from staged"
    ).fetchall()
    kept, copies, first, last = found[0]
    return TableDescription(
        table=table.name,
        presence=table.presence,
        files=staged.files,
        rows=staged.rows,
        good=kept,
        duplicates=copies,
        broken=tuple(_broken(connection, table, mapped, read_at)),
        first=first,
        last=last,
        missing=staged.missing,
        absent=staged.absent,
        nulls=_nulls(connection, [c for c in table.names if c not in (*staged.missing, *staged.absent)]),
    )


def _nulls(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> dict[str, int]:
    counted = ", ".join(["count(*)", *(f"count({name(column)})" for column in columns)])
    found = connection.execute(f"select {counted} from staged where _broken is null and not _copy").fetchone()
    rows, *filled = found or (0,)
    return {column: rows - many for column, many in zip(columns, filled, strict=True)}


def _broken(
    connection: duckdb.DuckDBPyConnection, table: Table, mapped: Mapped | None, read_at: datetime
) -> Iterator[Broken]:
    rules = {rule.name: rule for rule in all_rules(table, read_at=read_at)}
    shows = " ".join(f"when {quoted(rule.name)} then ({rule.shows})::varchar" for rule in rules.values() if rule.shows)
    order = "order by _file, _line, _row"
    found = connection.execute(
        f"select _broken[1], count(*), first(_file {order}), first(_line {order}), first(left(case _broken[1] {shows} end, 100) "
        f"{order}) from staged where _broken is not null group by 1 order by 2 desc, 1"
    ).fetchall()
    for rule, count, file, line, value in found:
        place = file if line is None else f"{file} line {line}"
        told = in_source_words(rules[rule], mapped)
        yield Broken(rule, rules[rule].column, count, place, value or "", told.allowed, told.do)


def newest_known(lake: Lake, source: Source, *, now: datetime) -> datetime | None:
    """When the newest record of a source became known, by the rows that are good in themselves; null: there are none.

    Of a table of which only what is new was read, what landed before counts as well. The default `as_of` of a run is the midnight after it.

    Raises:
        SourceError: the mapping names what is not there, or its SQL does not run.
    """
    newest: list[datetime] = []
    with lake.engine.connection() as connection:
        for table in RAW_TABLES:
            reading = read_table(source, connection, table)
            bad = " or ".join(f"coalesce({rule.bad}, false)" for rule in row_rules(table, read_at=now))
            query = f"select max({known_at(table)}) from ({typed_query(reading)}) where not ({bad})"
            found = read_typed(connection, source, reading, query).fetchone()
            newest += [found[0]] if found and found[0] else []
            by = source.increments.get(table.name)
            if by is not None and by.since is not None:
                lake.history(connection, table, view="landed")
                landed = connection.execute(f"select max({known_at(table)}) from landed").fetchone()
                newest += [landed[0]] if landed and landed[0] else []
    return max(newest, default=None)

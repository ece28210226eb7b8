"""What a source holds, told before anything is done with it. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake, known_at
from churn_pipeline.adapters.sources import Reading, Source, SourceFile
from churn_pipeline.capabilities.ingestion.staging import judge_reading, type_rows
from churn_pipeline.contracts.derive.rules import row_rules
from churn_pipeline.contracts.raw import RAW_TABLES, TRIALS
from churn_pipeline.contracts.spec import Presence

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class TableDescription:
    """What was found of one raw table. `first` and `last` are the moments at which its good records became known."""

    table: str
    presence: Presence
    files: tuple[SourceFile, ...]
    rows: int
    good: int
    duplicates: int
    broken: dict[str, int]
    """Rows per first broken rule."""
    first: datetime | None
    last: datetime | None
    missing: tuple[str, ...]
    """Columns that the contract needs and the source does not have."""
    absent: tuple[str, ...]
    """Columns that may be left out and are; all of them where the table is not there."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What would stop or diminish a run, as sentences."""
        if not self.files:
            needed = {
                Presence.REQUIRED: f"{self.table}: not found, and nothing goes without it",
                Presence.FOR_TRAINING: f"{self.table}: not found; without it nothing can be learnt, trials are scored by the rules",
            }
            return (needed[self.presence],) if self.presence in needed else ()
        damaged = [f"{f.file}: {f.problem}" for f in self.files if f.problem]
        lost = [f"{self.table}: column {c} is missing, and may not be" for c in self.missing] if not damaged else []
        bad = [f"{self.table}: {n:,} of {self.rows:,} rows break {rule}" for rule, n in self.broken.items()]
        none = (
            [f"{self.table}: no rows"] if not self.rows and not damaged and self.presence is Presence.REQUIRED else []
        )
        return (*damaged, *lost, *none, *(bad if not lost else []))


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What was found in a source, table by table, and the files that belong to no table."""

    tables: tuple[TableDescription, ...]
    unused: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Every problem of every table."""
        return tuple(problem for table in self.tables for problem in table.problems)


def describe_source(lake: Lake, source: Source, *, read_at: datetime) -> SourceDescription:
    """Read a whole source and say what was found; the lake is only looked into, for records that are known already.

    Raises:
        SourceError: the mapping names what is not there, or its SQL does not run.
    """
    used = {path for table in RAW_TABLES for path in source.files(table)}
    with lake.engine.connection() as connection:
        trials = ""
        tables = []
        for table in RAW_TABLES:
            reading = source.read(connection, table)
            judged = judge_reading(connection, lake, source, reading, trials=trials, read_at=read_at)
            trials = f"select * from {judged}" if table == TRIALS else trials
            tables.append(_describe(connection, reading, judged))
    unused = tuple(p.relative_to(source.folder).as_posix() for p in source.all_files() if p not in used)
    return SourceDescription(tuple(tables), unused)


def _describe(connection: duckdb.DuckDBPyConnection, reading: Reading, judged: str) -> TableDescription:
    table = reading.table
    good = "_broken is null and not _copy"
    moments = f"nullif({known_at(table)}, timestamptz 'epoch')"
    found = connection.execute(
        f"select count(*), count(*) filter ({good}), count(*) filter (_copy), min({moments}) filter ({good}), "
        f"max({moments}) filter ({good}) from {judged}"
    ).fetchone()
    rows, kept, copies, first, last = found or (0, 0, 0, None, None)
    broken = connection.execute(
        f"select _broken[1], count(*) from {judged} where _broken is not null group by 1 order by 2 desc, 1"
    )
    return TableDescription(
        table=table.name,
        presence=table.presence,
        files=reading.files,
        rows=rows,
        good=kept,
        duplicates=copies,
        broken=dict(broken.fetchall()),
        first=first,
        last=last,
        missing=reading.missing,
        absent=reading.absent,
    )


def newest_known(lake: Lake, source: Source, *, now: datetime) -> datetime | None:
    """When the newest record of a source became known, by the rows that are good in themselves; null: there are none.

    The default `as_of` of a run is the midnight after it.

    Raises:
        SourceError: the mapping names what is not there, or its SQL does not run.
    """
    newest: list[datetime] = []
    with lake.engine.connection() as connection:
        for table in RAW_TABLES:
            rows = type_rows(connection, source, source.read(connection, table))
            bad = " or ".join(f"coalesce({rule.bad}, false)" for rule in row_rules(table, read_at=now))
            found = connection.execute(f"select max({known_at(table)}) from {rows} where not ({bad})").fetchone()
            newest += [found[0]] if found and found[0] else []
    return max(newest, default=None)

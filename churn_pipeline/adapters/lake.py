"""The lake: Parquet files, written beside and renamed, read through DuckDB.

    <root>/raw/<table>/day=<known>/bucket=<n>/part.parquet   every version of every good record, by the day it became known
    <root>/<dataset>/<day>[-<batch>].parquet                 what was computed for a day [of a batch of repaired rows that was replayed]
    <root>/<dataset>/<day>.parts, parts/<part>.parquet       of a dataset that is kept in parts: `adapters.parts`

A file, and a new day of records, is put in its place whole, by a rename: a reader sees the old one or the new one, and a killed
writer leaves only what the next one removes: a `.new` file, a folder `landing-*` or `buckets-*`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import Engine, counted, name, quoted
from churn_pipeline.adapters.parts import Parts
from churn_pipeline.adapters.records import (
    columns,
    day_known,
    deleted_query,
    known_query,
    record_key,
    version_at,
    without_deleted,
)
from churn_pipeline.contracts.derive.duckdb import duckdb_type
from churn_pipeline.contracts.lake import DELETIONS, DISMISSED_ISSUES
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import midnight, sql_instant
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LANDING = "landing-"
BUCKETS = "buckets-"
"""How the folders begin in which partitions, and buckets of a day, are written before they are swapped in."""


class LakeError(Exception):
    """A dataset was asked for that nobody has written."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What landing a batch did: rows the lake did not have, and rows it had already."""

    new: int
    known: int


@dataclass(frozen=True, slots=True)
class Lake:
    """The lake of one business."""

    root: Path
    engine: Engine
    buckets: int = 1

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        """The lake of the business that the settings name."""
        engine = Engine(settings.duckdb_memory, settings.threads, settings.home / "spill")
        return cls(settings.home / "lake", engine, settings.lake_buckets)

    # ---- raw records

    def first_day(self) -> date | None:
        """The day (UTC) on which the first record became known; None where nothing has landed."""
        days = [date.fromisoformat(part.name.removeprefix("day=")) for part in self.root.glob("raw/*/day=*")]
        return min(days, default=None)

    def land(self, connection: duckdb.DuckDBPyConnection, table: Table, good: str) -> Landed:
        """Add the rows of relation `good` (columns of `table`) that the lake does not have yet.

        A row is had already if its key (and version, if versioned) is there: landing a batch twice changes nothing, a newer version is added beside the old one.
        """
        self._require_buckets()
        self._settle(table)
        total = counted(connection, f"select count(*) from {good}")
        if not total:
            return Landed(new=0, known=0)
        identity = [*table.key, *([table.versioned_by] if table.versioned_by else [])]
        matching = " and ".join(f"old.{name(c)} is not distinct from new.{name(c)}" for c in identity)
        self.history(connection, table, view="_old")
        rows, kept = ("_new", "table") if self.has_raw(table) else ("_first", "view")  # a first batch may be large
        connection.execute(
            f"create or replace temp {kept} {rows} as select {columns(table)}, {day_known(table)} as day, {self._bucket(table)} as bucket "
            f"from {good} as new where not exists (select 1 from _old as old where {matching})"
        )
        new = counted(connection, f"select count(*) from {rows}")
        if new:
            self._replace_partitions(connection, table, rows)
        connection.execute(f"drop view _old; drop {kept} {rows}")
        return Landed(new=new, known=total - new)

    def replace(self, connection: duckdb.DuckDBPyConnection, table: Table, good: str) -> int:
        """Put the rows of relation `good` in the place of all that has landed of a table; gives their number.

        In one rename: a killed writer leaves what was there or all of the new; a query that begins sees one of the two (one under way perhaps files of both).
        """
        self._require_buckets()
        self._settle(table)
        self._sweep()
        beside = Path(tempfile.mkdtemp(prefix=LANDING, dir=self.root))
        written = self._made(beside / "new")
        order = ", ".join(name(c) for c in (*table.known_at, *table.key))
        rows = counted(
            connection,
            f"copy (select {columns(table)}, {day_known(table)} as day, {self._bucket(table)} as bucket from {good} "
            f"order by day, bucket, {order}) to {quoted(written)} (format parquet, compression zstd, "
            "partition_by (day, bucket), filename_pattern 'part', overwrite_or_ignore)",
        )
        for bucket in written.glob("day=*/bucket=*"):
            (part,) = bucket.iterdir()
            part.rename(bucket / "part.parquet")
        written.rename(self._relanded(table))  # from here on the new is what is read
        self._settle(table)
        shutil.rmtree(beside, ignore_errors=True)
        return rows

    def _relanded(self, table: Table) -> Path:
        """Where the records of a table lie between the two renames that put them in the place of others."""
        return self.root / "raw" / f"{table.name}.relanded"

    def _settle(self, table: Table) -> None:
        """Finish a replacement, also one that a killed process began."""
        place, new = self.root / "raw" / table.name, self._relanded(table)
        if new.exists():
            if place.exists():
                place.rename(Path(tempfile.mkdtemp(prefix=LANDING, dir=self.root)) / table.name)
            new.rename(place)
            self._sweep()

    def _replace_partitions(self, connection: duckdb.DuckDBPyConnection, table: Table, new: str) -> None:
        order = ", ".join(name(c) for c in (*table.known_at, *table.key))
        self._sweep()
        beside = Path(tempfile.mkdtemp(prefix=LANDING, dir=self._made(self.root)))
        try:
            connection.execute(
                f"copy (select * from (select {columns(table)}, day, bucket from {new} union all "
                f"select {columns(table)}, day, bucket from _old "
                f"where (day, bucket) in (select (day, bucket) from {new})) order by day, bucket, {order}) "
                f"to {quoted(beside)} (format parquet, compression zstd, partition_by (day, bucket), overwrite_or_ignore)"
            )
            raw = self._made(self._raw(table))
            for written in sorted(beside.glob("day=*")):
                self._swap_in(written, raw / written.name)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what a killed writer left; there is one writer, so nobody is writing now."""
        for folder in (*self.root.glob(f"{LANDING}*"), *self.root.glob(f"{BUCKETS}*")):
            shutil.rmtree(folder, ignore_errors=True)
        for file in self.root.glob("*/*.new"):
            file.unlink(missing_ok=True)

    @staticmethod
    def _swap_in(written: Path, place: Path) -> None:
        """Put a day's partitions where they belong; a new day is there at once."""
        known = place.exists()
        for bucket in [*written.iterdir()]:
            (part,) = bucket.iterdir()
            named = part.rename(bucket / "part.parquet")
            if known:
                named.replace(Lake._made(place / bucket.name) / named.name)
        if not known:
            written.rename(place)

    def _require_buckets(self) -> None:
        """The number of buckets is part of the layout: with another one, rows would be looked for where they are not.

        Raises:
            LakeError: the lake was cut into another number of buckets.
        """
        marker = self._made(self.root / "raw") / "buckets"
        if not marker.exists():
            new = marker.with_suffix(".new")
            new.write_text(str(self.buckets))
            new.replace(marker)
        if int(marker.read_text()) != self.buckets:
            raise LakeError(
                f"the lake {self.root} is cut into {marker.read_text()} buckets, the settings say {self.buckets}.\n"
                f"  do: set CHURN_LAKE_BUCKETS={marker.read_text()}, or read the source into an empty data directory"
            )

    def history(self, connection: duckdb.DuckDBPyConnection, table: Table, *, view: str) -> None:
        """Create `view`: every version of every record, with `day` (date known) and `bucket`; empty if none landed."""
        if self.has_raw(table):
            self._require_buckets()
            files = quoted(self._raw(table) / "day=*" / "bucket=*" / "part.parquet")
            source = (
                f"select {columns(table)}, day, bucket from read_parquet({files}, hive_partitioning = true, "
                "hive_types = {'day': date, 'bucket': bigint})"
            )
        else:
            nulls = ", ".join(f"cast(null as {duckdb_type(c.type)}) as {name(c.name)}" for c in table.columns)
            source = f"select {nulls}, cast(null as date) as day, cast(null as bigint) as bucket where false"
        connection.execute(f"create or replace temp view {name(view)} as {source}")

    def known(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Iterable[Table],
        *,
        before: datetime,
        since: date | None = None,
        until: date | None = None,
        gone_by: datetime | None = None,
    ) -> None:
        """Create one view per table, of its name: its records as they were known strictly before `before`.

        Of a versioned record the newest version known by then counts. Where the lake only has later versions, the
        record exists by what never changes (`Table.fixed`) and everything else about it is null. What was known by then
        (or `gone_by`) to be deleted at the source is not there. Of tables without versions only the partitions of the days from `since`
        to before `until` are read.
        """
        deleted = self.has_raw(DELETIONS)
        if deleted:
            self.history(connection, DELETIONS, view="deletions_history")
        for table in tables:
            self.history(connection, table, view=f"{table.name}_history")
            known = known_query(table, before, since, until)
            known = without_deleted(table, known, gone_by or before) if deleted else known
            connection.execute(f"create or replace temp view {name(table.name)} as {known}")

    def rejected(self, connection: duckdb.DuckDBPyConnection, table: Table, *, before: datetime) -> None:
        """Create view `rejected_<table>`: trial_id and known_at of the records in quarantine that nothing known by then mends or dismisses.

        Only what was known before `before` counts, on either side; a record whose moments could not be read was always
        known. What landed for the same trial under the same key (under any, if the key was missing) is the record
        mended, and so is what landed from a replay of it.
        """
        assert table.trial, table.name
        found = self.every_day(
            f"quarantined_{table.name}",
            "null::varchar as issue_id, null::varchar as trial_id, null::varchar as record_key, "
            "null::timestamptz as known_at, null::timestamptz as version",
        )
        mended = self.every_day(f"mended_{table.name}", "null::varchar as issue_id")
        self.history(connection, table, view=f"{table.name}_history")
        self.history(connection, DISMISSED_ISSUES, view="dismissed_history")
        moment = sql_instant(before)
        connection.execute(
            f"create or replace temp view {name('rejected_' + table.name)} as select distinct trial_id, known_at "
            f"from ({found}) as found where greatest(known_at, version) < {moment} "
            f"and issue_id not in (select issue_id from ({mended})) "
            f"and issue_id not in (select issue_id from dismissed_history where dismissed_at < {moment}) "
            f"and not exists (select 1 from {name(table.name + '_history')} as landed where {version_at(table)} < {moment} "
            f"and landed.{name(table.trial)} = found.trial_id "
            f"and (found.record_key is null or {record_key(table)} = found.record_key))"
        )

    def partitions(
        self, connection: duckdb.DuckDBPyConnection, table: Table, *, before: datetime
    ) -> dict[tuple[date, int], str]:
        """The partitions of a raw table (day known, bucket), each with its state as known before a moment.

        The state changes whenever the partition is written, or a record in it is found to be deleted at the source, or back.
        """
        found = {}
        for part in self._raw(table).glob("day=*/bucket=*/part.parquet"):
            day, bucket = (folder.name.partition("=")[2] for folder in (part.parent.parent, part.parent))
            written = part.stat()
            found[date.fromisoformat(day), int(bucket)] = f"{written.st_mtime_ns}:{written.st_size}"
        for of, at, gone in self._deleted(connection, table, before):
            found[of, at] += f":{gone}"
        return found

    def _deleted(
        self, connection: duckdb.DuckDBPyConnection, table: Table, before: datetime
    ) -> list[tuple[date, int, str]]:
        """The partitions that hold deleted records, each with a fingerprint of those."""
        if not (self.has_raw(DELETIONS) and self.has_raw(table)):
            return []
        self.history(connection, DELETIONS, view="deletions_history")
        deleted = deleted_query(table, before)
        if not counted(connection, f"select count(*) from ({deleted})"):  # else every key would be read for nothing
            return []
        self.history(connection, table, view=f"{table.name}_history")
        return connection.execute(
            f"select day, bucket, count(*) || '-' || bit_xor(hash(key)) from (select {record_key(table)} as key, day, bucket "
            f"from {name(table.name + '_history')} as landed) where key in ({deleted}) group by day, bucket"
        ).fetchall()

    def has_raw(self, table: Table) -> bool:
        """Whether any record of the table has landed."""
        return next(self._raw(table).glob("day=*/bucket=*/part.parquet"), None) is not None

    # ---- datasets of a day

    def write(
        self, connection: duckdb.DuckDBPyConnection, dataset: str, as_of: datetime, query: str, *, batch: str = ""
    ) -> int:
        """Replace a day of a dataset (or a replayed batch of it) by the rows of `query`, and say how many there were."""
        place = self._place(dataset, as_of, batch)
        self._made(place.parent)
        new = place.with_suffix(".new")
        rows = counted(connection, f"copy ({query}) to {quoted(new)} (format parquet, compression zstd)")
        new.replace(place)
        return rows

    def write_pieces(
        self, connection: duckdb.DuckDBPyConnection, dataset: str, as_of: datetime, queries: Sequence[str]
    ) -> int:
        """As `write`, the rows of one query after the other, so that memory is bounded by the largest."""
        if len(queries) == 1:
            return self.write(connection, dataset, as_of, queries[0])
        with self.beside() as folder:
            for number, query in enumerate(queries):
                piece = quoted(folder / f"{number:06}.parquet")
                connection.execute(f"copy ({query}) to {piece} (format parquet, compression zstd)")
            pieces = quoted(folder / "*.parquet")
            return self.write(connection, dataset, as_of, f"select * from read_parquet({pieces})")

    @contextmanager
    def beside(self) -> Iterator[Path]:
        """An empty folder of the lake in which to write what is then renamed to its place; gone afterwards."""
        self._sweep()
        with tempfile.TemporaryDirectory(prefix=BUCKETS, dir=self._made(self.root)) as folder:
            yield Path(folder)

    def parts(self, dataset: str) -> Parts:
        """The parts of a dataset that is kept in parts."""
        return Parts(self.root / dataset)

    def has(self, dataset: str, as_of: datetime, *, batch: str = "") -> bool:
        """Whether that day of the dataset, or that replayed batch of it, has been written as a file of its own."""
        return self._place(dataset, as_of, batch).exists()

    def newest_before(self, dataset: str, as_of: datetime) -> datetime | None:
        """The newest day before `as_of` of which the dataset has been written; none: there is no such day."""
        days = [path.stem for path in (self.root / dataset).glob("????-??-??.parquet")]
        earlier = [day for day in days if day < f"{as_of:%Y-%m-%d}"]
        return midnight(date.fromisoformat(max(earlier))) if earlier else None

    def file(self, dataset: str, as_of: datetime, *, batch: str = "") -> Path:
        """The Parquet file that holds a day of a dataset, or a replayed batch of it.

        Raises:
            LakeError: nobody has written that day.
        """
        path = self._place(dataset, as_of, batch)
        if not path.exists():
            raise LakeError(
                f"the lake has no {dataset} for {as_of:%Y-%m-%d} (looked for {path}).\n"
                f"  do: run the step that writes {dataset} for that day first, e.g. churn run --as-of {as_of:%Y-%m-%d}"
            )
        return path

    def rows(self, dataset: str, as_of: datetime, *, batch: str = "") -> str:
        """SQL: a query that gives a day of a dataset, or a replayed batch of it.

        Raises:
            LakeError: nobody has written that day.
        """
        files = self.parts(dataset).of(as_of) or [self.file(dataset, as_of, batch=batch)]
        return f"select * from read_parquet([{', '.join(map(quoted, files))}])"

    def every_day(self, dataset: str, columns: str) -> str:
        """SQL: a query that gives all days and batches of a dataset; no row of `columns` where there is none."""
        if not any((self.root / dataset).glob("*.parquet")):
            return f"select {columns} where false"
        return f"select * from read_parquet({quoted(self.root / dataset / '*.parquet')})"

    def read(self, dataset: str, as_of: datetime, *, select: str = "*", batch: str = "") -> pa.Table:
        """A day of a dataset (or a replayed batch of it) as an Arrow table; `select` is a SQL select list over it.

        Raises:
            LakeError: nobody has written that day.
        """
        rows = self.rows(dataset, as_of, batch=batch)
        with self.engine.connection() as connection:
            return connection.sql(f"select {select} from ({rows})").to_arrow_table()

    def _place(self, dataset: str, as_of: datetime, batch: str = "") -> Path:
        return self.root / dataset / f"{as_of:%Y-%m-%d}{f'-{batch}' if batch else ''}.parquet"

    def _raw(self, table: Table) -> Path:
        relanded = self._relanded(table)
        return relanded if relanded.exists() else self.root / "raw" / table.name

    def _bucket(self, table: Table) -> str:
        return f"cast(md5_number_lower({name(table.trial or table.key[0])}) % {self.buckets} as bigint)"

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder

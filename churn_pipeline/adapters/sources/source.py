"""Sources: folders of files, in the contract or mapped onto it, read as the texts of the contract's columns.

Nothing of a file enters Python but its header. What is wrong with a file is a fact about it (`SourceFile.problem`),
not a crash: the batch is judged later, with all problems at once.
"""

from __future__ import annotations

import os
import re
from collections import abc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.sources.files import SUFFIXES
from churn_pipeline.adapters.sources.increments import Increment
from churn_pipeline.adapters.sources.lines import bare_name
from churn_pipeline.adapters.sources.mapping import Files, Mapped, Mapping, Taken, load_mapping
from churn_pipeline.adapters.sources.reading import SourceError
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.spec import Integer, Table
from churn_pipeline.core.clock import sql_instant

if TYPE_CHECKING:
    import duckdb

Increments = abc.Mapping[str, Increment]
KEYS = "keys"
QUERY = "query"
"""What the rows of a query are called."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of files and, where they have other names, the mapping that says how they become the raw tables."""

    folder: Path
    mapping: Mapping | None = None
    mapping_file: Path | None = None
    address: str = ""
    """Of the database whose tables were copied into the folder; empty where the files are the source."""
    increments: Increments = field(default_factory=dict)
    """How the tables that have a cursor were read, by name."""
    copied: abc.Mapping[Path, int] = field(default_factory=dict)
    """How many rows the database gave for each copy."""

    @property
    def named(self) -> str:
        """The source as messages name it."""
        return self.address or str(self.folder)

    def files(self, table: Table) -> tuple[Path, ...]:
        """The files that make up a table, in order of their names."""
        mapped = self.mapped(table)
        if mapped is None:
            near = (*_reached(self.folder.iterdir()), *_under(self.folder / table.name))
            return tuple(sorted(path for path in near if _belongs(path.relative_to(self.folder), table.name)))
        specs = {table.name: mapped.files} if mapped.files else self.named_in(mapped)
        return tuple(dict.fromkeys(path for label, spec in specs.items() for path in self.matching(spec, label)))

    def all_files(self) -> tuple[Path, ...]:
        """Every file of the folder that can be reached."""
        return tuple(sorted(_under(self.folder)))

    def matching(self, spec: Files, label: str) -> tuple[Path, ...]:
        """The files of a mapping's entry; `label` is the raw table or the name under `files` that it stands for."""
        if self.address:
            return tuple(copy_of(self.folder, label, table) for table in spec.patterns or (QUERY,))
        return tuple(
            dict.fromkeys(p for pattern in spec.patterns for p in sorted(self.folder.glob(pattern)) if p.is_file())
        )

    def key_columns(self, table: Table) -> dict[str, Taken]:
        """Where the parts of a table's key come from."""
        mapped = self.mapped(table)
        taken = mapped.columns if mapped else {}
        return {column: taken.get(column, Taken(column=column)) for column in table.key}

    def key_copies(self, table: Table) -> tuple[Path, ...]:
        """Where the copies of all keys of a table of a database lie, if they were made."""
        return tuple(
            copy_of(self.folder, f"{KEYS}/{table.name}", path.stem) for path in self.files(table) if self.address
        )

    def read_up_to(
        self, connection: duckdb.DuckDBPyConnection, table: Table, *, read_at: datetime
    ) -> datetime | int | None:
        """The last value of a table's cursor that was read; null if there is none.

        Of numbers it is the largest, of moments the newest that is not after `read_at` (clocks differ).

        Raises:
            SourceError: the cursor holds something else than whole numbers, or than moments.
        """
        by = self.increments.get(table.name)
        if by is None:
            return None
        files = ", ".join(quoted(path) for path in self.files(table))
        moment, number = f"try_cast({name(by.cursor)} as timestamptz)", read_as(Integer(), name(by.cursor))
        found = connection.execute(
            f"select count({name(by.cursor)}), count({number}), max({number}), "
            f"count({moment}), max({moment}) filter ({moment} <= {sql_instant(read_at)}) from read_parquet([{files}])"
        ).fetchall()
        (values, numbers, largest, moments, newest) = found[0]
        if values == numbers:
            return int(largest) if values else None
        if values != moments:
            raise SourceError(
                f"{self.named}, {table.name}: cursor {by.cursor} holds {values - max(moments, numbers):,} values that are no "
                f"{'timestamps' if moments >= numbers else 'whole numbers'}\n"
                "  allowed: a timestamp, date or whole number that grows with each change\n"
                f"  do: name another column by `cursor` under tables.{table.name} in the mapping, or none"
            )
        return newest if newest is None else newest.astimezone(UTC)

    def shown(self, path: Path) -> str:
        """A file, or the table it is a copy of, as messages and rows name it."""
        return path.stem if self.address else path.relative_to(self.folder).as_posix()

    def mapped(self, table: Table) -> Mapped | None:
        """What the mapping says of a table."""
        return self.mapping.tables.get(table.name) if self.mapping else None

    def named_in(self, mapped: Mapped) -> dict[str, Files]:
        """The named files that a SELECT speaks of."""
        named = self.mapping.files if self.mapping else {}
        words = set(re.findall(r"\w+", mapped.select or ""))
        return {key: spec for key, spec in named.items() if key in words}


def copy_of(folder: Path, label: str, table: str) -> Path:
    """Where the copy of a table of a database lies."""
    return folder / label / f"{table}.parquet"


def require_folder(folder: Path) -> None:
    """Return if the folder is there.

    Raises:
        SourceError: it is not.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such folder.\n  do: name the folder that holds the raw files")


def open_source(folder: Path, mapping: Path | None = None) -> Source:
    """The source in a folder.

    Raises:
        SourceError: there is no such folder.
        MappingError: the mapping breaks its rules.
    """
    require_folder(folder)
    return Source(folder, load_mapping(mapping) if mapping else None, mapping)


def _under(folder: Path) -> Iterator[Path]:
    """The files in a folder and in all folders in it."""
    return _reached(Path(place) / file for place, _, files in os.walk(folder) for file in files)


def _reached(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of the paths that are files; what may not be looked at is none."""
    return (path for path in paths if os.path.isfile(path))  # noqa: PTH113 - Path's own raises where it may not look


def _belongs(path: Path, table: str) -> bool:
    """Whether a file is one of a table's: `events.csv`, `events-2024-05.csv.gz`, `events/anything.jsonl.zst`."""
    if not path.name.lower().endswith(SUFFIXES):
        return False
    stem = bare_name(path).rsplit(".", 1)[0]
    return path.parts[0] == table if len(path.parts) > 1 else stem == table or stem.startswith(f"{table}-")

"""Sources: folders of files, in the contract or mapped onto it, read as the texts of the contract's columns.

Nothing of a file enters Python but its header. What is wrong with a file is a fact about it (`SourceFile.problem`),
not a crash: the batch is judged later, with all problems at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.sources.files import SUFFIXES
from churn_pipeline.adapters.sources.lines import bare_name
from churn_pipeline.adapters.sources.mapping import Files, Mapped, Mapping, load_mapping
from churn_pipeline.adapters.sources.reading import Reading, SourceError
from churn_pipeline.adapters.sources.table_reader import TableReader
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of files and, where they have other names, the mapping that says how they become the raw tables."""

    folder: Path
    mapping: Mapping | None = None
    mapping_file: Path | None = None

    def read(self, connection: duckdb.DuckDBPyConnection, table: Table) -> Reading:
        """Read one raw table into temp tables of the connection, behind one view.

        Raises:
            SourceError: the mapping names columns or files that are not there, or its SQL does not run.
        """
        return TableReader(self, connection, table).read()

    def files(self, table: Table) -> tuple[Path, ...]:
        """The files that make up a table, in order of their names."""
        mapped = self.mapped(table)
        if mapped is None:
            return tuple(path for path in self.all_files() if _belongs(path.relative_to(self.folder), table.name))
        specs = [mapped.files] if mapped.files else list(self.named_in(mapped).values())
        return tuple(dict.fromkeys(path for spec in specs for path in self.matching(spec)))

    def all_files(self) -> tuple[Path, ...]:
        """Every file of the folder."""
        return tuple(sorted(path for path in self.folder.rglob("*") if path.is_file()))

    def matching(self, spec: Files) -> tuple[Path, ...]:
        """The files that match the patterns of a mapping."""
        return tuple(
            dict.fromkeys(p for pattern in spec.patterns for p in sorted(self.folder.glob(pattern)) if p.is_file())
        )

    def shown(self, path: Path) -> str:
        """A file as messages and rows name it."""
        return path.relative_to(self.folder).as_posix()

    def mapped(self, table: Table) -> Mapped | None:
        """What the mapping says of a table."""
        return self.mapping.tables.get(table.name) if self.mapping else None

    def named_in(self, mapped: Mapped) -> dict[str, Files]:
        """The named files that a SELECT speaks of."""
        named = self.mapping.files if self.mapping else {}
        words = set(re.findall(r"\w+", mapped.select or ""))
        return {key: spec for key, spec in named.items() if key in words}


def open_source(folder: Path, mapping: Path | None = None) -> Source:
    """The source in a folder.

    Raises:
        SourceError: there is no such folder.
        MappingError: the mapping breaks its rules.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such folder.\n  do: name the folder that holds the raw files")
    return Source(folder, load_mapping(mapping) if mapping else None, mapping)


def _belongs(path: Path, table: str) -> bool:
    """Whether a file is one of a table's: `events.csv`, `events-2024-05.csv.gz`, `events/anything.jsonl.zst`."""
    if not path.name.lower().endswith(SUFFIXES):
        return False
    stem = bare_name(path).rsplit(".", 1)[0]
    return path.parts[0] == table if len(path.parts) > 1 else stem == table or stem.startswith(f"{table}-")

"""What reading a source gives: a view of rows for each raw table, and a fact about each file."""

from __future__ import annotations

from dataclasses import dataclass

from churn_pipeline.contracts.spec import Table

INSIDE = ("_file", "_line", "_raw", "_wrong")
"""What every row of a file carries beside its own columns."""


class SourceError(Exception):
    """A source cannot be read at all; the message says where, why and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What was found in one file of a table. `columns` are its own; `problem` is why nothing could be read from it."""

    file: str
    rows: int
    unreadable: int
    columns: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FileRows:
    """One file, read: `view` has what is INSIDE and its columns as text."""

    view: str
    fact: SourceFile


@dataclass(frozen=True, slots=True)
class Reading:
    """One raw table, as read: `view` has `_file`, `_line`, `_raw`, `_wrong` and every column of the contract as text.

    `given` are the columns of the contract that the source has; the others are null throughout.
    """

    table: Table
    view: str
    files: tuple[SourceFile, ...]
    given: tuple[str, ...]

    @property
    def present(self) -> bool:
        """Whether the source has the table at all."""
        return bool(self.files)

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that may not be null and that the source does not have."""
        return tuple(c.name for c in self.table.columns if not c.null and c.name not in self.given)

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns that may be left out, and are."""
        return tuple(c.name for c in self.table.columns if c.null and c.name not in self.given)

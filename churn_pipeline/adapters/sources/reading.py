"""What reading a source gives: a view of rows for each raw table, and a fact about each file."""

from __future__ import annotations

from dataclasses import dataclass

from churn_pipeline.contracts.spec import Table

INSIDE = ("_file", "_line", "_raw", "_wrong")
"""What every row of a file carries beside its own columns."""
MARK = "_deleted"
"""The text by which the source marks a record as deleted; null where it does not."""


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
    """One raw table, as read: `view` has what is INSIDE, the MARK, and every column of the contract as text.

    `given` are the columns of the contract that the source has; the others are null throughout. `keys` is a query that
    gives the key of every record of the source, as texts, also of those that were not read because they had been before.
    """

    table: Table
    view: str
    files: tuple[SourceFile, ...]
    given: tuple[str, ...]
    keys: str = ""

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

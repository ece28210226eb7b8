"""What reading a source gives: a view of rows for each raw table, and a fact about each file."""

from __future__ import annotations

from dataclasses import dataclass

from churn_pipeline.contracts.spec import Table

INSIDE = ("_file", "_line", "_place", "_raw", "_wrong")
"""What every row of a file carries beside its own columns. `_file` and `_place`, which is never null, tell one row from another."""
MARK = "_deleted"
"""The text by which the source marks a record as deleted; null where it does not."""


class SourceError(Exception):
    """A source cannot be read at all; the message says where, why and what to do."""


class RowLawError(Exception):
    """Rows were lost or doubled between the source and the lake: a fault of the pipeline, never of the data."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"{where}: {what}\n"
            "  allowed: rows read = rows kept + rows in quarantine + exact duplicates, by the reader's own count\n"
            "  do: this is a fault of churn_pipeline, not of the data; keep the source as it is and report it. Nothing of it is used"
        )


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What was found in one file of a table. `columns` are its own; `problem` is why nothing could be read from it.

    `rows` is counted beside the query engine: by the bytes of a text, the footer of a Parquet file, the cursor of a database.
    """

    file: str
    rows: int
    unreadable: int
    columns: tuple[str, ...]
    problem: str = ""
    kinds: tuple[str, ...] = ()
    """What the values of each column read as; told of the newest file of a table alone."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A text, taken apart into rows: their columns, and how many lines that are not blank are `beside` them.

    Those are the header, lines that go on a quoted field, and blanks of a kind that only the format knows.
    """

    columns: tuple[str, ...]
    beside: int


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
    `due` is how many rows the view has to give: those of its files less those that the mapping leaves out.
    """

    table: Table
    view: str
    files: tuple[SourceFile, ...]
    given: tuple[str, ...]
    keys: str = ""
    due: int = 0

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

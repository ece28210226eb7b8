"""Schema drift: which columns of a table's files are new, gone or of another kind since the batch before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.spec import Table


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a column since the batch of `before`, as the end of a sentence."""

    table: str
    column: str
    happened: str
    before: datetime

    def __str__(self) -> str:
        """The change as a sentence."""
        return f"{self.table}: column {self.column} {self.happened} {self.before:%Y-%m-%d}"


def changed_columns(lake: Lake, table: Table, as_of: datetime) -> tuple[Change, ...]:
    """The columns of the files of a day's batch against those of the newest batch before it; none without such a batch.

    A column is retyped where its values read as another kind (number, timestamp, boolean, text) than they did.

    Raises:
        LakeError: the table was not staged for that day.
    """
    dataset = f"staged_{table.name}_files"
    before = lake.newest_before(dataset, as_of)
    now, was = _columns(lake, dataset, as_of), _columns(lake, dataset, before) if before else {}
    if before is None or not now or not was:
        return ()
    return tuple(Change(table.name, column, happened, before) for column, happened in _happened(now, was))


def _happened(now: dict[str, tuple[str, ...]], was: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for column in sorted(now.keys() | was.keys()):
        if column not in was:
            yield column, "is new since"
        elif column not in now:
            yield column, "is gone; it was there on"
        elif now[column] and was[column] and now[column] != was[column]:
            yield column, f"is retyped: it reads as {' and '.join(now[column])}, and as {' and '.join(was[column])} on"


def _columns(lake: Lake, dataset: str, as_of: datetime) -> dict[str, tuple[str, ...]]:
    """The columns of all files of a day, in small letters as they are read, and the kinds of each that are known."""
    rows = lake.read(dataset, as_of, select="lower(unnest(columns)) as name, unnest(kinds) as kind").to_pylist()
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).update({row["kind"]} - {None, ""})
    return {column: tuple(sorted(known)) for column, known in found.items()}

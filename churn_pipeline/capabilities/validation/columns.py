"""Schema drift: which columns of a table's files are new or gone since the batch before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.spec import Table


@dataclass(frozen=True, slots=True)
class Change:
    """A column that came or went since the batch of `before`."""

    table: str
    column: str
    new: bool
    before: datetime

    def __str__(self) -> str:
        """The change as a sentence."""
        how = "is new since" if self.new else "is gone; it was there on"
        return f"{self.table}: column {self.column} {how} {self.before:%Y-%m-%d}"


def changed_columns(lake: Lake, table: Table, as_of: datetime) -> tuple[Change, ...]:
    """The columns of the files of a day's batch against those of the newest batch before it; none without such a batch.

    A column that is there and of another type than the contract says breaks rule `wrong_type_<column>` row by row.

    Raises:
        LakeError: the table was not staged for that day.
    """
    dataset = f"staged_{table.name}_files"
    before = lake.newest_before(dataset, as_of)
    now, was = _columns(lake, dataset, as_of), _columns(lake, dataset, before) if before else frozenset()
    if before is None or not now or not was:
        return ()
    return tuple(Change(table.name, column, column in now, before) for column in sorted(now ^ was))


def _columns(lake: Lake, dataset: str, as_of: datetime) -> frozenset[str]:
    """The columns of all files of a day, in small letters as they are read; none where there is no file."""
    rows = lake.read(dataset, as_of, select="distinct lower(unnest(columns)) as name")
    return frozenset(rows["name"].to_pylist())

"""Feature-table mode: a team's own table, one row an entity (or an entity and day), as the pipeline takes it.

Its columns are known when it has been looked at, so its contract is made then; from there on it is read, judged and quarantined
like any raw table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from churn_pipeline.contracts.features.feature import Kind
from churn_pipeline.contracts.raw import ID
from churn_pipeline.contracts.spec import Column, Door, Instant, Presence, Privacy, Real, Table, Text

NAME = "feature_table"
PREFIX = "table."
"""How the columns of a snapshot begin that hold those of the table."""
ROW_NUMBER = "row_number"
"""The id of rows that have none: the file and the line they stand in."""


class Use(StrEnum):
    """What a column of the table is for."""

    ID = "id"
    LABEL = "label"
    TIME = "time"
    FEATURE = "feature"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of the table; `because` is why it is left out, or what is odd about it."""

    name: str
    kind: Kind
    use: Use
    because: str = ""


@dataclass(frozen=True)
class FeatureTable:
    """A team's table: what each of its columns is for, and the label that counts as converted."""

    columns: tuple[TableColumn, ...]
    positive: str

    @property
    def features(self) -> tuple[TableColumn, ...]:
        """The columns that a model may use."""
        return tuple(column for column in self.columns if column.use is Use.FEATURE)

    @property
    def left_out(self) -> tuple[TableColumn, ...]:
        """The columns that it may not."""
        return tuple(column for column in self.columns if column.use is Use.LEFT_OUT)

    @property
    def id(self) -> str:
        """The column that names the entity."""
        return self._named(Use.ID)

    @property
    def label(self) -> str:
        """The column that says what became of it; null where that is not known yet."""
        return self._named(Use.LABEL)

    @property
    def time(self) -> str | None:
        """The column that says as of when a row holds, if there is one."""
        return next((column.name for column in self.columns if column.use is Use.TIME), None)

    @property
    def contract(self) -> Table:
        """The table declared like any raw table: without what is left out."""
        time = self.time
        return Table(
            NAME,
            "A row of a team's own feature table.",
            door=Door.RAW,
            presence=Presence.REQUIRED,
            key=(self.id, time) if time else (self.id,),
            known_at=(time,) if time else (),
            columns=(
                Column(self.id, ID, "The entity.", privacy=Privacy.PSEUDONYM),
                *([Column(time, Instant(), "As of when the row holds.")] if time else []),
                Column(self.label, Text(), "What became of it.", null=True, absent="not known yet: it is scored"),
                *map(_declared, self.features),
            ),
        )

    def _named(self, use: Use) -> str:
        return next(column.name for column in self.columns if column.use is use)


def _declared(column: TableColumn) -> Column:
    kind = Real() if column.kind == "number" else Text()
    return Column(
        column.name, kind, "A feature of the table.", null=True, absent="not known", privacy=Privacy.PSEUDONYM
    )

"""How a table is declared: names, types, bounds, null rule, privacy class and meaning, once.

Everything else about a table (Arrow schema, DDL with comments, row rules, Great Expectations suite, Dagster column
schema, data dictionary) is derived from these objects by one function each, in `contracts.derive` and in the
capability that owns the library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Privacy(StrEnum):
    """What a column may be used for."""

    NONE = "none"
    PSEUDONYM = "pseudonym"
    """An id that stands for a person or company: may be stored and joined, never shown outside the team."""
    PERSONAL = "personal"
    """Personal data: never a model feature, never in a log."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `low` to `high` characters, optionally of a fixed shape (RE2 pattern, matched in full)."""

    high: int | None = None
    low: int = 0
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within inclusive bounds."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Real:
    """A finite double within inclusive bounds."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Money:
    """An exact decimal amount with four digits after the point."""

    low: int | None = None


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment in UTC, to the microsecond."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a closed set of words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Json:
    """JSON, kept as text."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A map from a word to how often it was seen (lake only)."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A map from a word to a number (lake only)."""


Type = Text | Integer | Real | Money | Instant | Flag | OneOf | Json | Counts | Numbers


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `absent` is what a null means, in words; only columns with `null=True` have it."""

    name: str
    type: Type
    meaning: str
    null: bool = False
    absent: str = ""
    unit: str = ""
    privacy: Privacy = Privacy.NONE


class Door(StrEnum):
    """Where a table lives."""

    RAW = "raw"
    """Door 1: what comes in, kept in the lake."""
    LAKE = "lake"
    """Between the doors: Parquet in the lake."""
    ANALYTICS = "analytics"
    """Door 2: the tables that people read, in PostgreSQL."""


class Presence(StrEnum):
    """Whether a source must have a raw table."""

    REQUIRED = "required"
    FOR_TRAINING = "for_training"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `key` is unique and never null.

    For raw tables: `known_at` names the columns whose latest non-null value is the moment a record became known
    (a record is usable by a snapshot only if that moment is strictly before its `as_of`); `versioned_by` names the
    column that orders versions of one record (the newest version wins), if it has one.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    door: Door = Door.ANALYTICS
    presence: Presence = Presence.OPTIONAL
    known_at: tuple[str, ...] = ()
    versioned_by: str | None = None
    trial: str | None = None
    """The column that refers to `trials.trial_id`, if records belong to a trial."""
    ordered: tuple[tuple[str, str], ...] = field(default=())
    """Pairs of instants of one record of which the first may never be later than the second."""
    fixed: tuple[str, ...] = ()
    """Columns of a versioned record that never change: what is known of it as soon as it exists."""
    append_only: bool = False
    """True: rows are added and never changed or removed (the database enforces it)."""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        pairs = tuple(name for pair in self.ordered for name in pair)
        named = (*self.key, *self.known_at, *self.fixed, *pairs, *((self.versioned_by,) if self.versioned_by else ()))
        unknown = sorted(set(named) - set(names))
        nullable = sorted(name for name in self.key if name in names and self.column(name).null)
        problems = [
            *(f"column {name} is declared twice" for name in doubled),
            *(f"{name} is named by the key or a rule, but is no column" for name in unknown),
            *(f"key column {name} may not be null" for name in nullable),
        ]
        if problems:
            raise ValueError(f"table {self.name}: " + "; ".join(problems))

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}; it has: {', '.join(self.names)}")


@dataclass(frozen=True, slots=True)
class View:
    """The newest rows of a table: of each `per`, the last by `at` among the rows of the newest day of `at`."""

    name: str
    meaning: str
    of: Table
    per: str
    at: str

"""Column -> SQL that reads a text as the declared type: null where the text does not say such a value."""

from __future__ import annotations

from churn_pipeline.contracts.derive.duckdb import duckdb_type
from churn_pipeline.contracts.spec import Flag, Instant, Integer, Json, Money, Real, Type

HOW: tuple[tuple[type, str], ...] = (
    (Integer, "a whole number, such as `14`"),
    (Real, "a number with a decimal point, such as `3.5`; no infinity, no NaN"),
    (Money, "an amount with a decimal point, such as `49.90`"),
    (Instant, "ISO 8601, such as `2024-05-01T10:00:00Z`; without a zone it is UTC"),
    (Flag, "`true` or `false`"),
    (Json, "JSON"),
)


def how(type_: Type) -> str:
    """In words: the texts that can be read as the type."""
    return next((words for kind, words in HOW if isinstance(type_, kind)), "any text without a zero character")


def read_as(type_: Type, text: str) -> str:
    """SQL: `text` (a SQL expression of type VARCHAR) as the declared type; null where that cannot be.

    Amounts are never read by way of a binary float; beyond four digits they are rounded half up. Instants lose what
    is finer than a microsecond.
    """
    value = f"try_cast({text} as {duckdb_type(type_)})"
    match type_:
        case Integer():
            return rf"case when regexp_full_match({text}, '\s*[+-]?\d+(\.0*)?\s*') then {value} end"
        case Real():
            return f"case when isfinite({value}) then {value} end"
        case Instant():
            return rf"case when regexp_matches({text}, '^\s*\d{{4}}-\d') then try_cast(trim({text}) as TIMESTAMPTZ) end"
        case Json():
            return f"case when json_valid({text}) then {text} end"
        case Money() | Flag():
            return value
        case _:
            return f"case when not contains({text}, chr(0)) then {text} end"

"""Rows of declared tables for tests: what a test does not name is filled with something allowed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import Flag, Instant, Integer, Json, Money, OneOf, Real, Table, Type

if TYPE_CHECKING:
    import pyarrow as pa

DAY = datetime(2024, 5, 2, tzinfo=UTC)


def rows(table: Table, *given: Mapping[str, Any], **same: Any) -> pa.Table:
    """Rows of a table; `same` holds in every row, each of `given` in one (one row where there is none)."""
    import pyarrow as pa

    usual = {c.name: None if c.null else _something(c.type) for c in table.columns}
    unknown = {name for row in (*given, same) for name in row} - set(table.names)
    assert not unknown, f"{table.name} has no {unknown}"
    return pa.Table.from_pylist([{**usual, **same, **row} for row in given or ({},)], schema=arrow_schema(table))


def _something(type_: Type) -> Any:
    match type_:
        case Integer(low) | Real(low):
            return low or 0
        case Money():
            return Decimal(0)
        case Instant():
            return DAY
        case Flag():
            return False
        case OneOf(words):
            return words[0]
        case Json():
            return "{}"
    return "x"

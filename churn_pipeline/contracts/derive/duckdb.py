"""Table -> DuckDB types, for reading text as the declared type."""

from __future__ import annotations

from churn_pipeline.contracts.spec import Counts, Flag, Instant, Integer, Money, Numbers, Real, Type


def duckdb_type(type_: Type) -> str:
    """The DuckDB type that holds a declared type. Instants are TIMESTAMPTZ (microseconds, UTC)."""
    match type_:
        case Integer():
            return "BIGINT"
        case Real():
            return "DOUBLE"
        case Money():
            return "DECIMAL(18, 4)"
        case Instant():
            return "TIMESTAMPTZ"
        case Flag():
            return "BOOLEAN"
        case Counts():
            return "MAP(VARCHAR, BIGINT)"
        case Numbers():
            return "MAP(VARCHAR, DOUBLE)"
        case _:
            return "VARCHAR"

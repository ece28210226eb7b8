"""Table -> Arrow schema, which is also the Parquet schema of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.contracts.spec import Counts, Flag, Instant, Integer, Money, Numbers, Real, Table, Type

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(type_: Type) -> pa.DataType:
    """The Arrow type that holds a declared type."""
    import pyarrow as pa

    match type_:
        case Integer():
            return pa.int64()
        case Real():
            return pa.float64()
        case Money():
            return pa.decimal128(18, 4)
        case Instant():
            return pa.timestamp("us", tz="UTC")
        case Flag():
            return pa.bool_()
        case Counts():
            return pa.map_(pa.string(), pa.int64())
        case Numbers():
            return pa.map_(pa.string(), pa.float64())
        case _:
            return pa.string()


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table; the meaning of each column travels as field metadata."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(c.name, arrow_type(c.type), nullable=c.null, metadata={"meaning": c.meaning}) for c in table.columns],
        metadata={"table": table.name, "meaning": table.meaning},
    )

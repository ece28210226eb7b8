from __future__ import annotations

import pyarrow as pa
import pytest

from churn_pipeline.contracts.derive.arrow import arrow_schema, arrow_type
from churn_pipeline.contracts.spec import (
    Column,
    Counts,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    Numbers,
    OneOf,
    Real,
    Table,
    Text,
    Type,
)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (Integer(0, 9), pa.int64()),
        (Real(), pa.float64()),
        (Money(0), pa.decimal128(18, 4)),
        (Instant(), pa.timestamp("us", tz="UTC")),
        (Flag(), pa.bool_()),
        (Counts(), pa.map_(pa.string(), pa.int64())),
        (Numbers(), pa.map_(pa.string(), pa.float64())),
        (Text(low=1), pa.string()),
        (OneOf(("a",)), pa.string()),
        (Json(), pa.string()),
    ],
)
def test_each_declared_type_has_one_arrow_type(type_: Type, expected: pa.DataType) -> None:
    assert arrow_type(type_) == expected


def test_the_schema_carries_names_null_rules_and_meanings() -> None:
    table = Table(
        "parrots",
        "A parrot.",
        (Column("name", Text(), "Its name."), Column("age", Integer(), "Its age.", null=True, absent="not known")),
        key=("name",),
    )
    schema = arrow_schema(table)
    assert schema.names == ["name", "age"]
    assert [field.nullable for field in schema] == [False, True]
    assert schema.field("age").metadata == {b"meaning": b"Its age."}
    assert schema.metadata == {b"table": b"parrots", b"meaning": b"A parrot."}

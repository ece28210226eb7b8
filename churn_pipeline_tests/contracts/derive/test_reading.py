from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from churn_pipeline.contracts.derive.reading import how, read_as
from churn_pipeline.contracts.spec import Flag, Instant, Integer, Json, Money, Real, Text, Type


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Integer(), "14", 14),
        (Integer(), " 14.0 ", 14),
        (Integer(), "14.5", None),
        (Integer(), "1e3", None),
        (Integer(), "0x1F", None),
        (Real(), "1e3", 1000.0),
        (Real(), "inf", None),
        (Real(), "nan", None),
        (Real(), "1,5", None),
        (Money(), "0.1", Decimal("0.1000")),
        (Money(), "12.34565", Decimal("12.3457")),
        (Money(), "much", None),
        (Flag(), "True", True),
        (Flag(), "no", False),
        (Flag(), "perhaps", None),
        (Json(), '{"a": 1}', '{"a": 1}'),
        (Json(), "{a", None),
        (Text(), "  as it is ", "  as it is "),
        (Text(), "a\0b", None),
        (Instant(), "2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        (Instant(), "2024-05-01 10:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (Instant(), "2024-05-01T10:00:00.1234569+02:00", datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)),
        (Instant(), "13/45/2026", None),
        (Instant(), "infinity", None),
        (Instant(), "epoch", None),
        (Instant(), "20240501", None),
    ],
)
def test_a_text_is_read_as_the_declared_type_or_not_at_all(type_: Type, text: str, value: Any) -> None:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    assert connection.execute(f"select {read_as(type_, 't')} from (select ?::varchar as t)", [text]).fetchone() == (
        value,
    )
    assert how(type_)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from churn_pipeline.adapters.sources.increments import Watermark
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.watermarks import watermarks
from churn_pipeline.contracts.analytics import SOURCE_WATERMARKS
from churn_pipeline.contracts.derive.arrow import arrow_schema

AT = datetime(2024, 5, 1, 8, tzinfo=UTC)


def write(warehouse: Warehouse, table: str, cursor: str, **read: Any) -> None:
    """Put the watermark of a table in the place of the one it has."""
    row = {"table_name": table, "cursor": cursor, "origin": "a", "moved_at": AT, "run_id": "r"}
    rows = pa.Table.from_pylist([row | read], schema=arrow_schema(SOURCE_WATERMARKS))
    warehouse.replace(SOURCE_WATERMARKS, rows, where={"table_name": table})


def test_each_table_has_the_watermark_that_was_written_last(warehouse: Warehouse) -> None:
    assert watermarks(warehouse) == {}
    for cursor in ("updated_at", "changed"):
        write(warehouse, "trials", cursor, read_up_to=AT)
    assert watermarks(warehouse) == {"trials": Watermark("trials", "changed", AT, "a")}


def test_a_watermark_is_a_moment_or_a_number(warehouse: Warehouse) -> None:
    write(warehouse, "events", "id", read_up_to_number=0)
    assert watermarks(warehouse) == {"events": Watermark("events", "id", 0, "a")}

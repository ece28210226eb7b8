from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from churn_pipeline.adapters.sources.increments import Watermark
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.watermarks import watermarks
from churn_pipeline.contracts.analytics import SOURCE_WATERMARKS
from churn_pipeline.contracts.derive.arrow import arrow_schema

AT = datetime(2024, 5, 1, 8, tzinfo=UTC)


def test_each_table_has_the_watermark_that_was_written_last(warehouse: Warehouse) -> None:
    assert watermarks(warehouse) == {}
    for cursor in ("updated_at", "changed"):
        row = {"table_name": "trials", "cursor": cursor, "read_up_to": AT, "origin": "a", "moved_at": AT, "run_id": "r"}
        rows = pa.Table.from_pylist([row], schema=arrow_schema(SOURCE_WATERMARKS))
        warehouse.replace(SOURCE_WATERMARKS, rows, where={"table_name": "trials"})
    assert watermarks(warehouse) == {"trials": Watermark("trials", "changed", AT, "a")}

"""How far each table of a database has been read: kept in the warehouse, moved only when the batch has landed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn_pipeline.adapters.sources.increments import Watermark
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.analytics import SOURCE_WATERMARKS


def watermarks(warehouse: Warehouse) -> dict[str, Watermark]:
    """The watermark of each table that has one, by name."""
    rows = warehouse.read(f"select * from {SOURCE_WATERMARKS.name}").to_pylist()
    return {row["table_name"]: _mark(row) for row in rows}


def _mark(row: Mapping[str, Any]) -> Watermark:
    number = row["read_up_to_number"]
    return Watermark(row["table_name"], row["cursor"], row["read_up_to"] if number is None else number, row["origin"])

"""How far each table of a database has been read: kept in the warehouse, moved only when the batch has landed."""

from __future__ import annotations

from churn_pipeline.adapters.sources.increments import Watermark
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.analytics import SOURCE_WATERMARKS


def watermarks(warehouse: Warehouse) -> dict[str, Watermark]:
    """The watermark of each table that has one, by name."""
    rows = warehouse.read(f"select table_name, cursor, read_up_to, origin from {SOURCE_WATERMARKS.name}").to_pylist()
    return {
        row["table_name"]: Watermark(row["table_name"], row["cursor"], row["read_up_to"], row["origin"]) for row in rows
    }

"""Tables on the console."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from churn_pipeline.adapters.warehouse import Warehouse, WarehouseError
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, ANALYTICS_VIEWS
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def show(settings: Settings, query: str, *, limit: int, as_json: bool) -> None:
    """Print the rows of a table, or the answer to a SELECT; the first `limit` of them.

    Raises:
        WarehouseError: the server does not understand the query, or there is no such table yet.
    """
    import adbc_driver_manager

    select = query if " " in query.strip() else f"select * from {query}"
    try:
        found = Warehouse.of(settings).read(f"select * from ({select.strip().rstrip(';')}) as asked limit {limit}")
    except adbc_driver_manager.Error as error:
        tables = ", ".join(item.name for item in (*ANALYTICS_TABLES, *ANALYTICS_VIEWS))
        raise WarehouseError(
            f"{query!r} cannot be answered: {str(error).strip()}\n  allowed: a SELECT, or one of {tables}\n"
            "  do: churn run makes the tables, if that has not been done yet"
        ) from None
    if as_json:
        for row in found.to_pylist():
            sys.stdout.write(json.dumps(row, default=str) + "\n")
        return
    print_table(found)


def print_table(found: pa.Table) -> None:
    """Print rows: as a table where it fits the screen, else one line a value."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    shown = Table()
    if found.num_columns <= 8:
        for name in found.column_names:
            shown.add_column(name, overflow="fold")
        for row in found.to_pylist():
            shown.add_row(*(_text(value) for value in row.values()))
    else:
        shown.add_column("column")
        for number in range(found.num_rows):
            shown.add_column(f"row {number + 1}", overflow="fold")
        for name in found.column_names:
            shown.add_row(name, *(_text(value) for value in found[name].to_pylist()))
    console.print(shown)


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""Tables on the console."""

from __future__ import annotations

import json
import sys
from datetime import datetime, time
from typing import TYPE_CHECKING

from churn_pipeline.adapters.warehouse import Warehouse, WarehouseError
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, ANALYTICS_VIEWS
from churn_pipeline.core.spelling import did_you_mean
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import adbc_driver_manager
    import pyarrow as pa


NO_SUCH_TABLE = "42P01"
"""SQLSTATE of a table that is not there (PostgreSQL, appendix A)."""
MOST_COLUMNS = 8
NAMES, VALUES = 30, 34
"""Characters that the names of columns and a row's values need, where each column has a line."""


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
        raise _unanswered(query, error) from None
    if as_json:
        for row in found.to_pylist():
            sys.stdout.write(json.dumps(row, default=str) + "\n")
        return
    print_table(found)


def _unanswered(query: str, error: adbc_driver_manager.Error) -> WarehouseError:
    tables = [item.name for item in (*ANALYTICS_TABLES, *ANALYTICS_VIEWS)]
    if " " not in query.strip() and error.sqlstate == NO_SUCH_TABLE:
        what = f"there is no table {query}{did_you_mean(query, tables)}"
    else:
        what = f"{query!r} cannot be answered: {str(error).strip()}"
    return WarehouseError(
        f"{what}\n  allowed: a SELECT, or one of {', '.join(tables)}\n"
        "  do: churn run makes the tables, if that has not been done yet"
    )


def print_table(found: pa.Table) -> None:
    """Print rows: a line each where there are few columns, else a line a column, for as many rows as the screen is wide."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not found.num_rows:
        console.print(f"no rows yet; columns: {', '.join(found.column_names)}")
        return
    shown = Table()
    if found.num_columns <= MOST_COLUMNS:
        for name in found.column_names:
            shown.add_column(name, overflow="fold")
        for row in found.to_pylist():
            shown.add_row(*(_text(value) for value in row.values()))
    else:
        fitting = min(found.num_rows, max(1, (console.width - NAMES) // VALUES))
        shown.add_column("column", no_wrap=True)
        for number in range(fitting):
            shown.add_column(f"row {number + 1}", overflow="fold")
        for name in found.column_names:
            shown.add_row(name, *(_text(value) for value in found[name].to_pylist()[:fitting]))
    console.print(shown)
    if found.num_columns > MOST_COLUMNS and fitting < found.num_rows:
        console.print(f"{fitting} of {found.num_rows} rows; a SELECT of a few columns, or --json, shows all of them")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

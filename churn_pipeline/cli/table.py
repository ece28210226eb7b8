"""Tables on the console."""

from __future__ import annotations

import json
import sys
from datetime import datetime, time
from itertools import count
from typing import TYPE_CHECKING

from churn_pipeline.adapters.warehouse import Warehouse, WarehouseError
from churn_pipeline.cli.summary import command, named
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

    warehouse = Warehouse.of(settings)
    select = query if " " in query.strip() else f"select * from {query}"
    asked = f"({select.strip().rstrip(';')}) as asked"
    try:
        found = _told_apart(warehouse.read(f"select * from {asked} limit {limit}"))
    except adbc_driver_manager.Error as error:
        raise _unanswered(query, error, settings) from None
    if as_json:
        for row in found.to_pylist():
            sys.stdout.write(json.dumps(row, default=str) + "\n")
        return
    full = found.num_rows == limit
    total = warehouse.read(f"select count(*) as n from {asked}").to_pylist()[0]["n"] if full else found.num_rows
    print_table(found, total=total, nothing="no rows" if " " in query.strip() else "no rows yet")
    if not found.num_rows:
        other = "" if settings.source else "; --source and --mapping name another"
        sys.stdout.write(f"business: {settings.business}{other}\n")


def _told_apart(found: pa.Table) -> pa.Table:
    """The same columns; of those that go by one name (`count`, `count`) all but the first are numbered."""
    names: list[str] = []
    for name in found.column_names:
        again = (f"{name}_{number}" for number in count(2))
        taken = {*names, *found.column_names}
        names.append(name if name not in names else next(one for one in again if one not in taken))
    return found.rename_columns(names)


def _unanswered(query: str, error: adbc_driver_manager.Error, settings: Settings) -> WarehouseError:
    tables = [item.name for item in (*ANALYTICS_TABLES, *ANALYTICS_VIEWS)]
    if query.strip() in tables and error.sqlstate == NO_SUCH_TABLE:
        return WarehouseError(
            f"nothing has been run yet on business `{settings.business}`: there is no table {query.strip()}.\n"
            f"  do: {command()} run{named(settings)}"
        )
    if " " not in query.strip() and error.sqlstate == NO_SUCH_TABLE:
        what = f"there is no table {query}{did_you_mean(query, tables)}"
    else:
        what = f"{query!r} cannot be answered: {str(error).strip()}"
    return WarehouseError(
        f"{what}\n  allowed: a SELECT, or one of {', '.join(tables)}\n"
        "  do: churn run makes the tables, if that has not been done yet"
    )


def print_table(found: pa.Table, *, total: int | None = None, nothing: str = "no rows yet") -> None:
    """Print rows: a line each where there are few columns, else a line a column, for as many rows as the screen is wide.

    `total` is how many rows there are, where `found` holds only the first of them; `nothing` is said where there is none.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not found.num_rows:
        console.print(f"{nothing}; columns: {', '.join(found.column_names)}")
        return
    shown, fitting, total = Table(), found.num_rows, found.num_rows if total is None else total
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
    more = [
        *(["a SELECT of a few columns or --json shows more of them"] if fitting < found.num_rows else []),
        *([f"--limit {total} asks for all"] if found.num_rows < total else []),
    ]
    if more:
        console.print(f"{fitting:,} of {total:,} rows; {', '.join(more)}")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

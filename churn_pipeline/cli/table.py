"""Tables on the console."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
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
    from rich.box import Box
    from rich.table import Table


NO_SUCH_TABLE = "42P01"
"""SQLSTATE of a table that is not there (PostgreSQL, appendix A)."""
NO_SUCH_COLUMN = "42703"
MOST_COLUMNS = 8
MOST_ROWS = 20
"""Rows that are asked for where nobody says how many."""
NAMES, VALUES = 30, 34
"""Characters that the names of columns and a row's values need, where each column has a line."""


def show(settings: Settings, query: str, *, limit: int | None, as_json: bool) -> None:
    """Print the rows of a table, or the answer to a SELECT; the first `limit` of them, or where none is asked for as many as are quickly read.

    Raises:
        WarehouseError: the server does not understand the query, or there is no such table yet.
    """
    import adbc_driver_manager

    warehouse = Warehouse.of(settings)
    select = query if " " in query.strip() else f"select * from {query}"
    asked = f"({select.strip().rstrip(';')}) as asked"
    try:
        found = _told_apart(warehouse.read(f"select * from {asked} limit {limit or MOST_ROWS}"))
    except adbc_driver_manager.Error as error:
        raise _unanswered(query, error, settings) from None
    if as_json:
        for row in found.to_pylist():
            sys.stdout.write(json.dumps(row, default=str) + "\n")
        return
    full = found.num_rows == (limit or MOST_ROWS)
    total = warehouse.read(f"select count(*) as n from {asked}").to_pylist()[0]["n"] if full else found.num_rows
    nothing = "no rows" if " " in query.strip() else "no rows yet"
    print_table(found, total=total, nothing=nothing, every=limit is not None)
    say_business(settings)


def say_business(settings: Settings) -> None:
    """Print whose rows these were, and where that was named by nobody how to see those of another."""
    other = " (of another: --source or --mapping)" if settings.simulated else ""
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
    lost = re.search(r'"([^"]+)" does not exist|([\w.]+) does not exist', str(error))
    name = (lost[1] or lost[2]) if lost else ""
    if name.rpartition(".")[2] in tables and error.sqlstate == NO_SUCH_TABLE:
        return WarehouseError(
            f"nothing that makes it has been run yet on business `{settings.business}`: there is no table {name}.\n"
            f"  do: {command()} run{named(settings)}"
        )
    asked = sorted(set(re.findall(r"\w+", query)) & set(tables))
    if name and asked and error.sqlstate == NO_SUCH_COLUMN:
        return _no_column(name, asked, settings)
    if name and error.sqlstate == NO_SUCH_TABLE:
        what = f"there is no table {name}{did_you_mean(name.rpartition('.')[2], tables)}"
    else:
        what = f"{query!r} cannot be answered: {_server_words(error)}"
    return WarehouseError(
        f"{what}\n  allowed: a SELECT, or one of {', '.join(tables)}\n"
        f"  do: {command()} run{named(settings)} makes the tables, if that has not been done yet"
    )


def _no_column(lost: str, asked: Sequence[str], settings: Settings) -> WarehouseError:
    """What to say of a column that none of the tables of a query has."""
    columns = {table: Warehouse.of(settings).read(f"select * from {table} limit 0").column_names for table in asked}
    near = did_you_mean(lost.rpartition(".")[2], [name for names in columns.values() for name in names])
    allowed = [f"\n  allowed: of {table}: {', '.join(names)}" for table, names in columns.items()]
    return WarehouseError(
        f"there is no column {lost}{near}{''.join(allowed)}\n  do: name one of these; docs/data-dictionary.md says what they mean"
    )


def _server_words(error: Exception) -> str:
    """What the server said, without what the driver and we put around it."""
    said = str(error).partition("ERROR:")[2] or str(error)
    return said.partition("\n")[0].strip()


def print_table(
    found: pa.Table, *, total: int | None = None, nothing: str = "no rows yet", every: bool = False
) -> None:
    """Print rows: a line each where there are few columns, else a line a column, for as many rows as the screen is wide.

    No word is broken that the screen has room for: where columns do not fit side by side each row is a block of lines, and
    so it is where `every` row is to be shown and the screen is not wide enough for all of them.
    `total` is how many rows there are, where `found` holds only the first of them; `nothing` is said where there is none.
    """
    from rich.console import Console

    console = Console()
    if not found.num_rows:
        console.print(f"{nothing}; columns: {', '.join(found.column_names)}")
        return
    columns = {name: [_text(value) for value in found[name].to_pylist()] for name in found.column_names}
    fitting, total = found.num_rows, found.num_rows if total is None else total
    shown = _side_by_side(columns, console.width)
    if found.num_columns > MOST_COLUMNS:
        most = min(found.num_rows, max(1, (console.width - NAMES) // VALUES))
        turned = ((many, _side_by_side(_turned(columns, many), console.width)) for many in range(most, 0, -1))
        fitting, shown = next((one for one in turned if one[1]), (1, None))
        if every and fitting < found.num_rows:
            fitting, shown = found.num_rows, None
    for part in [shown] if shown else _blocks(columns, fitting):
        console.print(part)
    more = [
        *(["--limit, --json or a SELECT of a few columns shows more of them"] if fitting < found.num_rows else []),
        *([f"--limit {total} asks for all"] if found.num_rows < total else []),
    ]
    if more:
        console.print(f"{fitting:,} of {total:,} rows; {', '.join(more)}")


def _turned(columns: Mapping[str, Sequence[str]], many: int) -> dict[str, Sequence[str]]:
    """The first rows as columns beside the names."""
    rows = {f"row {number + 1}": [values[number] for values in columns.values()] for number in range(many)}
    return {"column": list(columns), **rows}


def _side_by_side(columns: Mapping[str, Sequence[str]], width: int) -> Table | None:
    """Columns in which no word is broken, without frame where that leaves too little room; None where even so they do not fit."""
    from rich.box import HEAVY_HEAD
    from rich.cells import cell_len

    cells = [[name, *values] for name, values in columns.items()]
    least = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in cells]
    whole = [max(cell_len(line) for cell in column for line in cell.splitlines() or [""]) for column in cells]
    for frame, between in ((HEAVY_HEAD, 3 * len(cells) + 1), (None, 2 * len(cells) - 2)):
        for most in range(width, -1, -1):
            widths = [max(few, min(many, most)) for few, many in zip(least, whole, strict=True)]
            if sum(widths) + between <= width:
                return _table(columns, widths, frame)
    return None


def _table(columns: Mapping[str, Sequence[str]], widths: Sequence[int], frame: Box | None) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=frame, padding=(0, 1) if frame else (0, 2, 0, 0), pad_edge=frame is not None)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(Text(name), width=width, overflow="fold")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, row))  # as text: what stands in brackets is no style
    return table


def _blocks(columns: Mapping[str, Sequence[str]], many: int) -> Iterator[Table]:
    """Each of the first rows as a block of lines, one a column."""
    from rich.table import Table
    from rich.text import Text

    for number in range(many):
        block = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for name, values in columns.items():
            block.add_row(Text(name), Text(values[number]))
        block.add_row("")
        yield block


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

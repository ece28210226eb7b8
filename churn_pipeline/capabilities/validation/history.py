"""The days of a table, counted: what its expectations are learnt from. Nothing known at or after the day of the run counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import known_at
from churn_pipeline.contracts.spec import Json, Privacy, Table, Text
from churn_pipeline.core.clock import sql_instant

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

    Days = NDArray[np.float64]

MOST_VALUES = 100
"""A column with more values than that in the window is no set of categories."""
LATE = timedelta(days=1)
"""What becomes known longer after it happened is late."""


@dataclass(frozen=True, slots=True)
class History:
    """The days of a window, the day that is judged last. Arrays have one place a day.

    Of a versioned record counts what was known on the day it came; `attributes` are the records of which anything was.
    """

    table: str
    records: Days
    attributes: Days
    nulls: dict[str, Days]
    """Records without a value, per column that may be null and was given."""
    values: dict[str, dict[str, Days]]
    """Records per value, per column that is a set of categories."""
    late: Days | None
    """Records that became known late; none where the table has one moment only."""
    ages: Days
    """Hours from the newest record known by then to the end of each day; NaN before the first record."""


def history_of(lake: Lake, table: Table, *, as_of: datetime, window_days: int) -> History | None:
    """Count the days before `as_of`: `window_days` and the one that is judged, or fewer where the table began later.

    Counted are the good rows of the day's batch and what the lake holds, each record once. None: no record is known.
    """
    with lake.engine.connection() as connection:
        if not _records(connection, lake, table, as_of, window_days):
            return None
        days = _by_day(connection, table, as_of)
        return History(
            table.name,
            days["records"],
            days["attributes"],
            {c: days[f"null {c}"] for c in _given(connection, table)},
            {c: values for c in _categories(table) if (values := _by_value(connection, c, len(days["records"])))},
            days["late"] if len(table.known_at) > 1 else None,
            days["age"],
        )


def _records(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime, window: int) -> int:
    """Make temp table `records` (with `moment`, `place` of its day from 0, `seen`), and say how many days it has."""
    columns = ", ".join(name(c) for c in _counted(table))
    connection.execute(f"create temp view staged as {lake.rows(f'staged_{table.name}', as_of)}")
    lake.history(connection, table, view="landed")
    good = "_broken is null and not _copy"
    moment, until = known_at(table), sql_instant(as_of)
    within = f"{moment} < {until} and {moment} >= {until} - interval {window + 1} day"
    # whatever became known within the window lies in a partition of a day that is not before it
    recent = f"day >= cast({until} - interval {window + 1} day as date)"
    identity = [*table.key, *([table.versioned_by] if table.versioned_by else [])]
    same = " and ".join(f"come.{name(c)} is not distinct from landed.{name(c)}" for c in identity)
    connection.execute(
        f"create temp table come as select {columns}, {moment} as moment from staged where {good} and {within}"
    )
    connection.execute(
        f"create temp table found as from come union all select {columns}, {moment} as moment from landed "
        f"where {recent} and {within} and not exists (select 1 from come where {same})"
    )
    first = connection.execute("select min(moment) from found").fetchone()
    if not first or first[0] is None or first[0] >= as_of - timedelta(days=window):
        first = _began(connection, table, good)
    if not first or first[0] is None or first[0] >= as_of:
        return 0
    days: int = min(window + 1, (as_of.date() - first[0].date()).days)
    connection.execute(f"create temp table records as {_as_it_came(table)}")
    connection.execute(f"create temp table calendar as select unnest(range({days})) as place")
    connection.execute(
        f"create temp macro place_of(moment) as {days} - 1 - date_diff('day', moment, {until} - interval 1 microsecond)"
    )
    return days


def _began(connection: duckdb.DuckDBPyConnection, table: Table, good: str) -> tuple[datetime | None, ...] | None:
    """When the first record of the table became known, however long ago; one that was always known says nothing."""
    moment = known_at(table)
    oldest = "" if table.versioned_by else "where day = (select min(day) from landed where day > date '1970-01-01')"
    return connection.execute(
        f"select min(moment) from (select {moment} as moment from staged where {good} union all "
        f"select {moment} from landed {oldest}) where moment > timestamptz 'epoch'"
    ).fetchone()


def _as_it_came(table: Table) -> str:
    """SQL: one row a record; of several versions the newest of the record's own day, none of which may be known (`seen`)."""
    if table.versioned_by is None:
        return "select *, true as seen from found"
    version, keys = name(table.versioned_by), ", ".join(name(c) for c in table.key)
    seen = f"coalesce({version} < date_trunc('day', moment) + interval 1 day, true)"
    return (
        f"select *, {seen} as seen from found qualify row_number() over (partition by {keys} order by {seen} desc, "
        f"case when {seen} then {version} end desc nulls last, {version}) = 1"
    )


def _by_day(connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime) -> dict[str, Days]:
    late = f"{name(table.known_at[-1])} > {name(table.known_at[0])} + interval {int(LATE.total_seconds())} second"
    counted = {
        "records": "count(*)",
        "attributes": "count(*) filter (seen)",
        "late": f"count(*) filter ({late})" if len(table.known_at) > 1 else "0",
        **{f"null {c}": f"count(*) filter (seen and {name(c)} is null)" for c in _nullable(table)},
    }
    listed = ", ".join(f"{sql} as {name(what)}" for what, sql in counted.items())
    zeros = ", ".join(f"coalesce({name(what)}, 0)::double as {name(what)}" for what in counted)
    newest = "max(newest) over (order by place)"
    end = f"{sql_instant(as_of)} - interval 1 day * (max(place) over () - place)"
    found = connection.execute(
        f"select {zeros}, date_diff('microsecond', {newest}, {end}) / 3.6e9 as age from calendar left join "
        f"(select place_of(moment) as place, max(moment) as newest, {listed} from records group by 1) using (place) order by place"
    ).fetchnumpy()
    return {what: _plain(days) for what, days in found.items()}


def _plain(days: object) -> Days:
    import numpy as np

    return np.ma.filled(np.ma.asarray(days, float), np.nan)


def _by_value(connection: duckdb.DuckDBPyConnection, column: str, days: int) -> dict[str, Days]:
    """Records per value and day; nothing where the column has too many values, or none."""
    import numpy as np

    value = name(column)
    few = connection.execute(f"select count(distinct {value}) from records where seen").fetchone()
    if not few or not 0 < few[0] <= MOST_VALUES:
        return {}
    rows = connection.execute(
        f"select {value}, place_of(moment), count(*) from records where seen and {value} is not null group by all order by all"
    ).fetchall()
    counts: dict[str, Days] = {}
    for word, place, count in rows:
        counts.setdefault(word, np.zeros(days))[place] = count
    return counts


def _counted(table: Table) -> tuple[str, ...]:
    """The columns that are looked at. What is personal or free is not, nor may it tell two readings of one record apart."""
    free = {c.name for c in table.columns if isinstance(c.type, Json) or c.privacy is Privacy.PERSONAL}
    return tuple(c for c in table.names if c not in free)


def _nullable(table: Table) -> tuple[str, ...]:
    moments = {*table.known_at, table.versioned_by}
    return tuple(c for c in _counted(table) if table.column(c).null and c not in moments)


def _given(connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[str, ...]:
    """The nullable columns that any record of the window has a value of."""
    columns = _nullable(table)
    if not columns:
        return ()
    counted = ", ".join(f"count({name(c)}) > 0" for c in columns)
    found = connection.execute(f"select {counted} from records").fetchone() or ()
    return tuple(c for c, given in zip(columns, found, strict=True) if given)


def _categories(table: Table) -> tuple[str, ...]:
    """The columns of words: open texts that are no id. Closed sets are rules of the contract."""
    return tuple(
        c.name
        for c in table.columns
        if isinstance(c.type, Text) and c.privacy is Privacy.NONE and c.name not in table.key
    )

"""SQL over landed records: when each became known, which version of it counts as of a moment, which are gone by then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import sql_instant

ALWAYS = "timestamptz '1970-01-01 00:00:00+00'"
"""When a record that does not say it became known."""


def known_at(table: Table) -> str:
    """SQL: the moment a record became known, never null (a record without one was always known)."""
    return _latest(table.known_at)


def _latest(moments: Sequence[str]) -> str:
    return f"coalesce(greatest({', '.join(map(name, moments))}), {ALWAYS})" if moments else ALWAYS


def record_key(table: Table) -> str:
    """SQL: the key of a landed record (`landed`) as data_quality_issues writes it."""
    return " || '/' || ".join(f"landed.{name(c)}::varchar" for c in table.key)


def version_at(table: Table) -> str:
    """SQL: the moment this version of a record became known, never null."""
    version = [table.versioned_by] if table.versioned_by else []
    return _latest((*table.known_at, *version))


def day_known(table: Table) -> str:
    """SQL: the day (UTC) on which this version of a record became known."""
    return f"cast({version_at(table)} as date)"


def known_query(table: Table, before: datetime, since: date | None = None, until: date | None = None) -> str:
    """SQL: the records of a table known before a moment, by relation `<table>_history`: of each its newest version by then.

    Of a table without versions only the partitions of the days from `since` to before `until` are read.
    """
    moment = sql_instant(before)
    history = name(table.name + "_history")
    if table.versioned_by is None:
        # plain dates, so that the partitions of other days are not even opened
        days = [f"day <= date '{before:%Y-%m-%d}'"]
        days += [f"day >= date '{since}'"] if since else []
        days += [f"day < date '{until}'"] if until else []
        rows = f"from {history} where {' and '.join(days)} and {known_at(table)} < {moment}"
        return f"select {columns(table)}, {known_at(table)} as known_at, bucket {rows}"
    version = name(table.versioned_by)
    seen = f"({version} is null or {version} < {moment})"
    fixed = table.fixed or table.names
    kept = ", ".join(
        name(c) if c in fixed else f"case when {seen} then {name(c)} end as {name(c)}" for c in table.names
    )
    keys = ", ".join(name(c) for c in table.key)
    exists = f"from {history} where {known_at(table)} < {moment}"
    return (
        f"select {kept}, {known_at(table)} as known_at, bucket {exists} qualify row_number() over (partition by {keys}, bucket "
        f"order by {seen} desc, case when {seen} then {version} end desc nulls last, {version}) = 1"
    )


def without_deleted(table: Table, known: str, before: datetime) -> str:
    """SQL: the rows of query `known` that the source had not deleted by a moment."""
    return f"select * from ({known}) as landed where {record_key(table)} not in ({deleted_query(table, before)})"


def deleted_query(table: Table, before: datetime) -> str:
    """SQL: the keys of the records of a table that were known before a moment to be deleted, by relation `deletions_history`."""
    return (
        f"select record_key from deletions_history where table_name = {quoted(table.name)} "
        f"and known_at < {sql_instant(before)} group by record_key having arg_max(gone, known_at)"
    )


def columns(table: Table) -> str:
    """SQL: the columns of a table, as a select list."""
    return ", ".join(name(c) for c in table.names)

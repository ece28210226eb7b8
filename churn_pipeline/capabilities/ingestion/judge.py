"""Each row read is judged once: good, an exact copy, or rejected, with every rule that it broke.

The look-ahead law: which rows known before an instant are kept does not depend on rows known at or after it. That is
why of several contents of one key the *first known* is kept, and why a record is held against the start of its trial
(a trial that starts later could not have been its trial either way). Contacts are the exception: they carry only the
moment of their last change, so they may wait for a trial that starts later; no feature reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.records import known_at
from churn_pipeline.adapters.sources import Reading, Source
from churn_pipeline.capabilities.ingestion.typed import read_typed, typed_query
from churn_pipeline.contracts.derive.rules import (
    CONFLICTS_WITH_KNOWN,
    DUPLICATE_KEY,
    READING,
    Rule,
    row_rules,
    trial_rules,
)
from churn_pipeline.contracts.spec import Json, Table

if TYPE_CHECKING:
    import duckdb


def judge(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    reading: Reading,
    *,
    trials: str,
    known: str,
    read_at: datetime,
) -> str:
    """SQL that gives the rows of a reading, typed, with `_broken` (ordered rules, null if none) and `_copy`.

    `trials` gives trial_id and started_at of every good trial; `known` is the history of the table in the lake. A good row
    has neither `_broken` nor `_copy`; a copy is a row whose columns all equal those of another good row. Only a row that
    broke a rule has its `_raw`, which is looked up once it is known to be wanted: to carry it along for every row would be
    most of the work.

    Raises:
        SourceError: the SQL of the mapping fails on a row.
    """
    table = reading.table
    if not reading.present and not reading.due:  # a SELECT may give rows of no file
        nothing = "null::bigint as _row, null::varchar[] as _broken, false as _copy, null::varchar as _raw"
        return f"select *, {nothing} from ({typed_query(reading)}) where false"
    judged, fates = f"_judged_{table.name}", f"_fates_{table.name}"
    rules = (*row_rules(table, read_at=read_at), *trial_rules(table))
    rows = (
        f"create or replace temp table {judged}_rows as select r.* exclude (_trial_started), {_broken(rules)} as _broken "
        f"from ({_with_trial(table, f'({typed_query(reading)})', trials)}) as r"
    )
    read_typed(connection, source, reading, rows)
    # numbered where they lie, for rows that are numbered while they are read are read by one thread
    connection.execute(f"create or replace temp view {judged} as select rowid as _row, * from {judged}_rows")
    _meet_known(connection, table, judged, known)
    connection.execute(f"create or replace temp table {fates} as {_fates(table, judged)}")
    rejected = f"select _file, _place from {judged} left join {fates} using (_row) where _broken is not null or rule is not null"
    # a line that could not be read is there twice where a SELECT names its file twice
    raws = (
        f"select _file, _place, any_value(_raw) as _raw from {reading.view} where (_file, _place) in ({rejected}) "
        "group by _file, _place"
    )
    return (
        f"select j.* replace (coalesce(j._broken, case when f.rule is not null then [f.rule] end) as _broken), "
        f"coalesce(f.copy, false) as _copy, as_read._raw from {judged} as j left join {fates} as f using (_row) "
        f"left join ({raws}) as as_read using (_file, _place)"
    )


def _broken(rules: tuple[Rule, ...]) -> str:
    """All broken rules of a row; of a line that could not be read only that."""
    unreadable, *others = rules
    any_broken = " or ".join(f"({rule.bad})" for rule in others)
    listed = ", ".join(f"case when {rule.bad} then {quoted(rule.name)} end" for rule in others)
    return (
        f"case when {unreadable.bad} then [{quoted(unreadable.name)}] "
        f"when {any_broken} then list_filter([{listed}], lambda x: x is not null) end"
    )


def _with_trial(table: Table, read: str, trials: str) -> str:
    if table.trial is None:
        return f"select *, null::timestamptz as _trial_started from {read}"
    return (
        f"select read.*, trial._trial_started from {read} as read left join (select trial_id as _id, min(started_at) "
        f"as _trial_started from ({trials}) group by trial_id) as trial on read.{name(table.trial)} = trial._id"
    )


def _meet_known(connection: duckdb.DuckDBPyConnection, table: Table, judged: str, known: str) -> None:
    """Mark the good rows whose key the lake knows with other content (`_clash`).

    JSON holds the rest of a record, to which a source adds as it grows: what landed stays as it was first known.
    """
    compared = tuple(c.name for c in table.columns if not isinstance(c.type, Json))
    version = [table.versioned_by] if table.versioned_by else []
    same_version = " and ".join(f"old.{name(c)} is not distinct from new.{name(c)}" for c in version) or "true"
    clash = f"({same_version} and {_differ(compared)}) or {_differ(table.fixed) if table.fixed else 'false'}"
    connection.execute(
        f"create or replace temp table _clash as select new._row from {judged} as new join {known} as old "
        f"using ({', '.join(name(c) for c in table.key)}) where new._broken is null group by new._row having bool_or({clash})"
    )


def _differ(columns: tuple[str, ...]) -> str:
    return "(" + " or ".join(f"old.{name(c)} is distinct from new.{name(c)}" for c in columns) + ")"


def _fates(table: Table, judged: str) -> str:
    """SQL: of the good rows whose key comes twice or clashes with the lake, which are copies and which break a rule.

    Within one key the order is: what does not clash with the lake, then first known, then oldest version, then content
    (so that neither the order of the rows nor their files matter).
    """
    key = ", ".join(name(c) for c in table.key)
    every = ", ".join(name(c) for c in table.names)
    version = [name(table.versioned_by)] if table.versioned_by else []
    order = ", ".join(["clash", known_at(table), *(f"{v} nulls first" for v in version), every, "_file", "_place"])
    identity = ", ".join([key, *version])
    fixed = ", ".join(name(c) for c in table.fixed)
    refixed = f"row({fixed}) is distinct from first_value(row({fixed})) over (partition by {key} order by {order})"
    return (
        f"with good as (select * from {judged} where _broken is null), "
        f"often as (select {key} from good group by all having count(*) > 1), "
        "contested as (select good.*, clash._row is not null as clash from good left join _clash as clash using (_row) "
        f"where clash._row is not null or ({key}) in (select ({key}) from often)), "
        f"compared as (select _row, clash, row_number() over (partition by {every} order by _file, _place) > 1 as copy, "
        f"row({every}) is distinct from first_value(row({every})) over (partition by {identity} order by {order}) "
        f"or {refixed if fixed else 'false'} as other from contested) "
        f"select _row, copy, case when copy then null when other then {quoted(DUPLICATE_KEY.name)} "
        f"when clash then {quoted(CONFLICTS_WITH_KNOWN.name)} end as rule from compared"
    )


def judged_columns(table: Table) -> str:
    """SQL: the columns of a judged row, in order."""
    return ", ".join([*READING, "_broken", "_copy", *(name(c) for c in table.names)])

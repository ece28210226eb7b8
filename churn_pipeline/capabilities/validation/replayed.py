"""Repaired rows are taken back in, and what became of each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import record_key
from churn_pipeline.adapters.sources.mapping import Mapped
from churn_pipeline.capabilities.validation.acceptance import Accepted, accept
from churn_pipeline.capabilities.validation.batch import BatchVerdict, check_repaired
from churn_pipeline.contracts.lake import REPAIRED_ROWS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table

MENDED = "null::varchar as issue_id, null::varchar as became, null::boolean as rejected"
"""Columns of `mended_<table>`, what replays did for issues."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The batch of repaired rows that was staged last for a day."""

    batch: str
    tables: tuple[Table, ...]


def staged_replay(lake: Lake, as_of: datetime) -> Replay:
    """The replay that is under way for a day.

    Raises:
        LakeError: no repaired rows were staged for that day.
    """
    rows = lake.read(REPAIRED_ROWS.name, as_of, select="distinct batch, table_name").to_pylist()
    named = {row["table_name"] for row in rows}
    return Replay(rows[0]["batch"], tuple(table for table in RAW_TABLES if table.name in named))


def check_replay(lake: Lake, *, as_of: datetime) -> tuple[BatchVerdict, ...]:
    """Judge each table of the replay that is under way: can its rows be read, and are the columns there?

    Raises:
        LakeError: no repaired rows were staged for that day.
    """
    replay = staged_replay(lake, as_of)
    return tuple(check_repaired(lake, table, as_of=as_of, batch=replay.batch) for table in replay.tables)


def take_back(
    lake: Lake, *, as_of: datetime, read_at: datetime, run_id: str, mapped: Mapping[str, Mapped] | None = None
) -> tuple[Accepted, ...]:
    """Land the good rows of the replay that is under way, quarantine the others, and remember which issues it mended.

    `mapped` is how the mapping makes each table: reasons are told in its words.

    Doing it twice changes nothing but run_id and moments.

    Raises:
        LakeError: no repaired rows were staged for that day.
        RowLawError: the rows do not add up.
    """
    replay = staged_replay(lake, as_of)
    stamp: dict[str, Any] = {"as_of": as_of, "read_at": read_at, "run_id": run_id, "batch": replay.batch}
    accepted = []
    for table in replay.tables:
        accepted.append(accept(lake, table, **stamp, mapped=(mapped or {}).get(table.name)))
        with lake.engine.connection() as connection:
            mended = _mended(lake, table, as_of, replay.batch)
            lake.write(connection, f"mended_{table.name}", as_of, mended, batch=replay.batch)
    return tuple(accepted)


def _mended(lake: Lake, table: Table, as_of: datetime, batch: str) -> str:
    """SQL: the issues whose repaired row landed (`became` its key), or was rejected as an issue of its own (`became` that).

    What earlier repairs of an issue were rejected as (its heirs) goes the way of the issue itself. What was found when the
    same batch was replayed before stays.
    """
    dataset = f"mended_{table.name}"
    before = (
        lake.rows(dataset, as_of, batch=batch)
        if lake.has(dataset, as_of, batch=batch)
        else f"select {MENDED} where false"
    )
    rows = (
        f"select issue_id, line from ({lake.rows(REPAIRED_ROWS.name, as_of)}) where table_name = {quoted(table.name)}"
    )
    landed = f"({lake.rows(f'staged_{table.name}', as_of, batch=batch)}) as landed on landed._line = links.line"
    again = f"({lake.rows(f'quarantined_{table.name}', as_of, batch=batch)}) as again on again.line = links.line"
    return (
        f"with recursive links as ({rows}), earlier as (select issue_id, became from ({lake.every_day(dataset, MENDED)}) where rejected), "
        f"heirs as (select issue_id, issue_id as heir from links where issue_id is not null union "
        "select heirs.issue_id, earlier.became from heirs join earlier on earlier.issue_id = heirs.heir) "
        f"{before} union select distinct heir as issue_id, {record_key(table)} as became, false as rejected from links join {landed} "
        "join heirs on heirs.issue_id = links.issue_id where landed._broken is null union "
        f"select distinct heir, again.issue_id, true from links join {again} join heirs on heirs.issue_id = links.issue_id "
        "where (links.issue_id, again.issue_id) not in (select (issue_id, heir) from heirs)"
    )

"""Which open issues are closed by now: a record of their key has landed, their repaired row was replayed, or people dismissed them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import record_key
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.replayed import MENDED
from churn_pipeline.contracts.analytics import DATA_QUALITY_RESOLUTIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.derive.rules import CONFLICTS_WITH_KNOWN, DUPLICATE_KEY
from churn_pipeline.contracts.lake import DISMISSED_ISSUES
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    import pyarrow as pa

OPEN = """
select issue_id, table_name from data_quality_issues as issue
where not exists (select 1 from data_quality_resolutions as mended where mended.issue_id = issue.issue_id)
"""
QUARANTINED = (
    "null::varchar as issue_id, null::varchar as record_key, null::varchar as rule, null::timestamptz as version"
)


def write_resolutions(lake: Lake, warehouse: Warehouse, *, resolved_at: datetime, run_id: str) -> int:
    """Note which of the open issues are closed by now, and give their number."""
    found = resolutions(lake, warehouse.read(OPEN), resolved_at=resolved_at, run_id=run_id)
    return warehouse.append(DATA_QUALITY_RESOLUTIONS, found)


def resolutions(lake: Lake, still_open: pa.Table, *, resolved_at: datetime, run_id: str) -> pa.Table:
    """The issues among `still_open` (issue_id, table_name) that are closed, as rows of data_quality_resolutions."""
    import pyarrow as pa

    schema = arrow_schema(DATA_QUALITY_RESOLUTIONS)
    named = set(still_open["table_name"].to_pylist())
    found = [schema.empty_table()]
    with lake.engine.connection() as connection:
        connection.register("still_open", still_open)
        lake.history(connection, DISMISSED_ISSUES, view="dismissed")
        for table in (t for t in RAW_TABLES if t.name in named):
            lake.history(connection, table, view="landed")
            stamp = f"timestamptz {quoted(resolved_at.isoformat())} as resolved_at, {quoted(run_id)} as run_id"
            rows = connection.sql(
                f"select issue_id, {quoted(table.name)} as table_name, resolved_by, left(became, 2000) as became, {stamp} "
                f"from ({_closed(lake, table)}) order by issue_id"
            )
            found.append(rows.to_arrow_table().cast(schema))
    return pa.concat_tables(found)


def _closed(lake: Lake, table: Table) -> str:
    """SQL: issue_id, resolved_by and became of the open issues of a table that are mended, or else dismissed."""
    ours = f"issue_id in (select issue_id from still_open where table_name = {quoted(table.name)})"
    return (
        f"with mended as materialized ({_mended(lake, table)}) from mended union all by name "
        f"select issue_id, 'dismissal' as resolved_by, why as became from dismissed where {ours} "
        "and issue_id not in (select issue_id from mended)"
    )


def _mended(lake: Lake, table: Table) -> str:
    """SQL: issue_id, resolved_by and became of the open issues of a table that are mended; what landed counts first.

    Of two contents of one key the other one has landed from the start, so only a replay mends the one that was rejected.
    """
    replayed = lake.every_day(f"mended_{table.name}", MENDED)
    quarantined = lake.every_day(f"quarantined_{table.name}", QUARANTINED)
    once = f"'{DUPLICATE_KEY.name}', '{CONFLICTS_WITH_KNOWN.name}'"
    version = f"landed.{name(table.versioned_by)}" if table.versioned_by else ""
    recent = f"and (found.version is null or {version} >= found.version)" if version else ""
    ours = f"issue_id in (select issue_id from still_open where table_name = {quoted(table.name)})"
    return (
        f"with replayed as (select issue_id, case when bool_and(rejected) then 'newer_issue' else 'replay' end as resolved_by, "
        f"arg_min(became, (rejected, became)) as became from ({replayed}) where {ours} group by issue_id), "
        f"found as (select issue_id, any_value(record_key) as record_key, min(version) as version from ({quarantined}) "
        f"where {ours} and rule not in ({once}) group by issue_id) "
        f"from replayed union all by name select issue_id, 'source' as resolved_by, record_key as became from found "
        f"where issue_id not in (select issue_id from replayed) and exists (select 1 from landed "
        f"where {record_key(table)} = found.record_key {recent})"
    )

"""Issues of a team's own feature table, which is whole in every reading: what it does not repeat is mended."""

from __future__ import annotations

from datetime import datetime

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.contracts.analytics import DATA_QUALITY_RESOLUTIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.feature_table import NAME

OPEN = """
select issue_id, record_key from data_quality_issues as issue where table_name = $1
and not exists (select 1 from data_quality_resolutions as mended where mended.issue_id = issue.issue_id) order by issue_id
"""


def close_issues(warehouse: Warehouse, accepted: Accepted, *, resolved_at: datetime, run_id: str) -> int:
    """Note which open issues the newest reading of the table does not have any more, and give their number."""
    import pyarrow as pa

    repeated = set(accepted.issues["issue_id"].to_pylist())
    rows = [
        {
            "issue_id": row["issue_id"],
            "table_name": NAME,
            "resolved_by": "source",
            "became": row["record_key"] or "a row without a key",
            "resolved_at": resolved_at,
            "run_id": run_id,
        }
        for row in warehouse.read(OPEN, [NAME]).to_pylist()
        if row["issue_id"] not in repeated
    ]
    found = pa.Table.from_pylist(rows, schema=arrow_schema(DATA_QUALITY_RESOLUTIONS))
    return warehouse.append(DATA_QUALITY_RESOLUTIONS, found)

"""Issues that people close without a record: the bad row is gone at its source, or nobody needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake, Landed
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.lake import DISMISSED_ISSUES
from churn_pipeline.core.clock import sql_instant

OPEN = """
select issue_id, table_name from data_quality_issues as issue
where not exists (select 1 from data_quality_resolutions as closed where closed.issue_id = issue.issue_id)
  and (issue_id = any(string_to_array($1, ',')) or ($1 = '' and $2 in ('', table_name) and $3 in ('', rule)))
"""


class DismissalError(Exception):
    """It is not said which issues are dismissed, or why; nothing has changed."""


def dismiss(
    lake: Lake,
    warehouse: Warehouse,
    *,
    issues: Sequence[str] = (),
    table: str = "",
    rule: str = "",
    why: str,
    dismissed_at: datetime,
) -> Landed:
    """Remember that issues are dismissed: those named by their ids, else all that are open of a table, a rule or both.

    It is known from `dismissed_at` on, like any other fact: what a day before it says of a trial stays as it was. Issues
    that are not open stay as they are, so doing it twice changes nothing.

    Raises:
        DismissalError: no issue, table or rule is named, or there is no reason.
    """
    if not (issues or table or rule) or not why.strip():
        raise DismissalError(
            "it is not said which issues are dismissed, or not why.\n"
            "  allowed: ids of issues, or a table, a rule or both (all that are open of them); and a reason\n"
            "  do: churn quarantine dismiss ISSUE ... --why TEXT"
        )
    found = warehouse.read(OPEN, [",".join(issues), table, rule])
    with lake.engine.connection() as connection:
        connection.register("found", found)
        connection.execute(
            f"create temp view dismissed as select issue_id, table_name, left({quoted(why.strip())}, 2000) as why, "
            f"{sql_instant(dismissed_at)} as dismissed_at from found"
        )
        return lake.land(connection, DISMISSED_ISSUES, "dismissed")

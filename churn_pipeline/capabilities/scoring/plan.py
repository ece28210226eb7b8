"""Scores -> what each trial should get: the rule of the business, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.contracts.analytics import ACTIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

FOR_BUCKET = {"at_risk": "cs_outreach", "middle": "email_and_prompts", "hot": "sales_call"}
SAYS = {"at_risk": "at risk", "middle": "undecided", "hot": "hot"}


def plan_actions(scores: pa.Table) -> pa.Table:
    """One action for each scored trial: outreach by customer success, e-mail and prompts, or a call by sales."""
    import pyarrow as pa

    rows = [
        {
            "trial_id": row["trial_id"],
            "as_of": row["as_of"],
            "action": FOR_BUCKET[row["score_bucket"]],
            "because": f"{SAYS[row['score_bucket']]}: {row['reason_1_words'] or 'no reason known'}",
            "conversion_probability": row["conversion_probability"],
            "run_id": row["run_id"],
        }
        for row in scores.select(
            ["trial_id", "as_of", "score_bucket", "reason_1_words", "conversion_probability", "run_id"]
        ).to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(ACTIONS))

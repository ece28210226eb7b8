"""Scores -> what each trial should get: the rule of the business, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.contracts.analytics import ACTIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

FOR_BUCKET = {"at_risk": "cs_outreach", "middle": "email_and_prompts", "hot": "sales_call"}
SAYS = {"at_risk": "at risk", "middle": "undecided", "hot": "hot"}


PLANNED_FROM = """
select trial_id, as_of, score_bucket, reason_1_words, conversion_probability, run_id from scores where as_of = $1
"""
"""What `plan_actions` needs of the scores of a day."""


def plan_actions(scores: pa.Table) -> pa.Table:
    """One action for each scored trial: outreach by customer success, e-mail and prompts, or a call by sales."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bucket = pc.index_in(scores["score_bucket"], value_set=pa.array(list(FOR_BUCKET)))
    first = pc.coalesce(scores["reason_1_words"], "no reason known")
    says = pa.array([SAYS[name] for name in FOR_BUCKET]).take(bucket)
    planned = {
        **{name: scores[name] for name in ("trial_id", "as_of", "conversion_probability", "run_id")},
        "action": pa.array(list(FOR_BUCKET.values())).take(bucket),
        "because": pc.binary_join_element_wise(says, first, ": "),
    }
    return pa.table({name: planned[name] for name in ACTIONS.names}).cast(arrow_schema(ACTIONS))

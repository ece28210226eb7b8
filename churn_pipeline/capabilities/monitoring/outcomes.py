"""What became of the trials behind the scores."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.contracts.analytics import SCORE_OUTCOMES
from churn_pipeline.contracts.derive.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


def outcomes(scores: pa.Table, labels: pa.Table, *, as_of: datetime) -> pa.Table:
    """Every score up to `as_of` of a trial whose label had matured by then, as rows of table `score_outcomes`.

    `scores` are rows of table `scores`; `labels` hold trial_id, converted and matured_at, one row a trial. A trial that
    is not mature by `as_of` has no outcome yet, whatever its label says; a score that was given when its outcome was known already is no
    record of anything and gets none. Ordered by `as_of` and trial.

    Raises:
        ValueError: a trial has more than one label; its scores would count twice.
    """
    import pyarrow.compute as pc

    by_then = pc.scalar(as_of)
    mature = labels.select(["trial_id", "converted", "matured_at"]).filter(pc.field("matured_at") <= by_then)
    doubled = mature.num_rows - pc.count_distinct(mature["trial_id"]).as_py()
    if doubled:
        raise ValueError(f"labels: {doubled:,} of {mature.num_rows:,} rows repeat a trial; allowed: one label a trial")
    shown = scores.select([name for name in SCORE_OUTCOMES.names if name in scores.column_names])
    joined = shown.filter(pc.field("as_of") <= by_then).join(mature, "trial_id", join_type="inner")
    joined = joined.filter(pc.field("as_of") < pc.field("matured_at"))
    ordered = joined.select(list(SCORE_OUTCOMES.names)).sort_by([("as_of", "ascending"), ("trial_id", "ascending")])
    return ordered.cast(arrow_schema(SCORE_OUTCOMES))

"""What champion and canary each say of every running trial, so that the two can be compared on the same trials."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.day import snapshots
from churn_pipeline.capabilities.scoring.fallback import rules
from churn_pipeline.capabilities.scoring.production import RULES, Lineup, lineup
from churn_pipeline.capabilities.scoring.score import InProduction, to_arrow
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.schema import SchemaError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


FAILED = "select subject from prediction_errors where as_of = $1 and (subject like 'canary%' or subject = 'all trials')"


def both_say(lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, run_id: str) -> pa.Table:
    """Rows of table `rollout_scores` of a day; none where no rollout goes on, or one of the two could not score.

    That one could not is told by table `prediction_errors`.
    """
    who = lineup(warehouse, models, as_of=as_of, rules=partial(rules, lake, as_of))
    nothing: pa.Table = arrow_schema(ROLLOUT_SCORES).empty_table()
    if warehouse.read(FAILED, [as_of]).num_rows:
        return nothing
    if who.canary is None or who.champion.scored_by == RULES or who.champion.stepped_in:
        return nothing
    try:
        return to_arrow(ROLLOUT_SCORES, _rows(lake, as_of, who, who.canary).assign(as_of=as_of, run_id=run_id))
    except SchemaError:
        return nothing


def _rows(lake: Lake, as_of: datetime, who: Lineup, canary: InProduction) -> pd.DataFrame:
    said = [_said(lake, as_of, name, by) for name, by in (("champion", who.champion), ("canary", canary))]
    rows = said[0].merge(said[1], on="trial_id", validate="one_to_one")
    return rows.assign(
        arm=np.where(who.of_canary(rows["trial_id"]), "canary", "champion"),
        champion_version=who.champion.model_version,
        canary_version=canary.model_version,
    )


def _said(lake: Lake, as_of: datetime, name: str, by: InProduction) -> pd.DataFrame:
    import pandas as pd

    blocks = [
        frame[["trial_id"]].assign(**{f"{name}_probability": logit.probability(by.scorer.log_odds(frame))})
        for frame in snapshots(lake, as_of, by)
    ]
    return pd.concat(blocks, ignore_index=True)

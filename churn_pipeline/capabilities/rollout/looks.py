"""The looks at trials that a rollout is judged by: of each only what is needed, and where figures are counts, those of the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.lake import LABELS
from churn_pipeline.core.clock import sql_instant

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NEWEST = """
select champion_probability, canary_probability from rollout_scores
where {of_it} and as_of = (select max(as_of) from rollout_scores where {of_it})
"""
BOTH = """
select as_of, trial_id, champion_probability, canary_probability from rollout_scores where {of_it} order by as_of, trial_id
"""
"""In order: sums of doubles differ with it in their last bits."""
SHOWN = """
select as_of, trial_id, arm = 'canary' as by_canary, case arm when 'canary' then canary_probability else champion_probability end as score
from rollout_scores where {of_it} order by as_of, trial_id
"""
COUNTED = """
select count(*) - count(*) filter (where canary) as champion, count(*) filter (where canary) as canary,
  count(*) filter (where moved and not canary) as moved
from (
  select bool_or(arm = 'canary') as moved,
    coalesce(min(as_of) filter (where arm = 'canary') < min(as_of) filter (where arm = 'champion'), bool_and(arm = 'canary')) as canary
  from rollout_scores where {of_it} group by trial_id
) as dealt
"""
"""A trial counts in the arm in which it was first scored."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of a rollout on the days from `since` on and before `before`."""

    warehouse: Warehouse
    canary: str
    champion: str
    since: datetime
    before: datetime

    def newest(self) -> pd.DataFrame:
        """What both said on the newest of the days: champion_probability and canary_probability."""
        said: pd.DataFrame = self.warehouse.read(self._of_it(NEWEST)).to_pandas()
        return said

    def matured(self, lake: Lake, as_of: datetime) -> pd.DataFrame:
        """What both said of the trials that have matured by `as_of`: trial, converted and both probabilities; see `with_outcome`."""
        return with_outcome(self.warehouse.blocks(self._of_it(BOTH)), lake, as_of)

    def counted(self) -> dict[str, int]:
        """The trials of either arm, by its name, and those of the champion's that have `moved` on to the canary."""
        counts: dict[str, int] = self.warehouse.read(self._of_it(COUNTED)).to_pylist()[0]
        return counts

    def shown(self, lake: Lake, as_of: datetime) -> pd.DataFrame:
        """What was shown of the trials that have matured by `as_of`: trial, converted, whether it was said `by_canary`, and the score; see `with_outcome`."""
        return with_outcome(self.warehouse.blocks(self._of_it(SHOWN)), lake, as_of)

    def _of_it(self, query: str) -> str:
        return query.format(
            of_it=f"canary_version = {quoted(self.canary)} and champion_version = {quoted(self.champion)} "
            f"and as_of >= {sql_instant(self.since)} and as_of < {sql_instant(self.before)}"
        )


def with_outcome(looks: Iterable[pa.Table], lake: Lake, as_of: datetime) -> pd.DataFrame:
    """The looks, in their order, whose trial has matured by the day and was scored before it did.

    In the place of as_of and trial_id they have a number of the `trial`, and whether it `converted`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = lake.read(LABELS.name, as_of, select="trial_id, converted, matured_at").combine_chunks()
    labels = labels.filter(pc.less_equal(labels["matured_at"], pa.scalar(as_of, labels["matured_at"].type)))
    known = []
    for block in looks:
        trial = pc.index_in(block["trial_id"], value_set=labels["trial_id"])
        in_time = pc.less(block["as_of"], labels["matured_at"].take(trial))
        told = {"trial": trial, "converted": labels["converted"].take(trial)}
        said = {name: block[name] for name in block.column_names if name not in ("as_of", "trial_id")}
        known.append(pa.table(told | said).filter(in_time))
    frame: pd.DataFrame = pa.concat_tables(known).to_pandas()
    return frame

"""What the past teaches of the way to conversion: the step that is the first value, and the steps that converters take.

Learnt on the fit cohort alone, and kept with the model as the `steps` of two features. A step is judged at equal trial days: of
the trials that had not converted by a landmark, those that had taken it by then against those that had not, by who converted before the
next landmark, over all landmarks (the log-rank test, Mantel 1966). So a step is not taken for a cause because those who stay longer have
more time for it, and a trial that was looked at many times converts once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.features.value import FIRST_VALUE, PATH_PROGRESS, REACHED
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.core.splits import Bound
from churn_pipeline.core.vocabulary import learnt

SURE = 3.0
"""Standard deviations from which a step tells conversions apart: of a hundred steps that tell nothing one is found in one world of eight."""
SHARE = 0.05
"""Least share of the looks at which a step has been taken, and at which it has not."""
LONGEST = 5
"""Most steps of the path."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of past trials: at which share of the looks it had been taken, how much oftener converters had taken it, and when."""

    name: str
    share: float
    sureness: float
    """Standard deviations from what chance does."""
    hours: float
    """Median, over the trials that converted and took it, of the hours from the start to the first time."""


def past_steps(lake: Lake, as_of: datetime, *, until: Bound) -> tuple[Step, ...]:
    """Every step that trials up to `until` had taken, by name.

    Raises:
        LakeError: nobody has written the training set of that day.
    """
    with lake.engine.connection() as connection:
        rows = connection.execute(steps_query(lake.rows(TRAINING_SET.name, as_of), until)).fetchall()
    return tuple(
        Step(
            name, share, excess / math.sqrt(variance) if variance > 0 else 0.0, hours if hours is not None else math.inf
        )
        for name, share, excess, variance, hours in rows
    )


def steps_query(training_set: str, until: Bound) -> str:
    """SQL: step, share, excess and variance (of the converters among those who took it), hours; of the trials up to `until`."""
    last = "'" + until.trial_id.replace("'", "''") + "'"
    return f"""with looks as (
  select trial_id, trial_day, {REACHED.name} as reached,
    cast(converted and trial_day = max(trial_day) over (partition by trial_id) as integer) as converted
  from ({training_set})
  where started_at < {sql_instant(until.started_at)} or (started_at = {sql_instant(until.started_at)} and trial_id <= {last})
),
days as (select trial_day, count(*) as looks, sum(converted) as converted from looks group by trial_day),
taken as (select trial_id, trial_day, converted, unnest(map_entries(reached)) as step from looks),
cells as (
  select step.key as step, trial_day, count(*) as took, sum(t.converted) as won from taken t group by all
),
hours as (
  select step, median(hours) as hours from (
    select step.key as step, trial_id, min(step.value) as hours from taken where converted = 1 group by all
  ) group by step
)
select step, sum(took) / (select count(*) from looks), sum(won - took * converted / looks order by trial_day),
  sum(took * (looks - took) * converted * (looks - converted) / (looks * looks * greatest(looks - 1, 1)) order by trial_day), any_value(hours)
from cells join days using (trial_day) left join hours using (step)
group by step order by step"""


def way_features(steps: Sequence[Step], *, first_value: str | None) -> tuple[ModelFeature, ...]:
    """The features of the way: hours to the first value (the step named, else the surest) and progress on the path of converters.

    A feature for which the past has no sure step is left out; the path has at least two steps, in the order in which converters take them.
    """
    sure = [step for step in steps if step.sureness >= SURE and SHARE <= step.share <= 1 - SHARE]
    surest = sorted(sure, key=lambda step: (-step.sureness, step.name))
    milestone = first_value or (surest[0].name if surest else None)
    path = sorted(surest[:LONGEST], key=lambda step: (step.hours, step.name))
    return (
        *((learnt(FIRST_VALUE, [milestone]),) if milestone else ()),
        *((learnt(PATH_PROGRESS, [step.name for step in path]),) if len(path) > 1 else ()),
    )

"""One day's scores, from the lake's snapshots to the warehouse's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.frames import snapshot_blocks
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.spilled import spilled
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.fallback import rules
from churn_pipeline.capabilities.scoring.production import RULES, Lineup, Models, lineup
from churn_pipeline.capabilities.scoring.score import InProduction, Stamp, score, to_arrow
from churn_pipeline.contracts.analytics import PREDICTION_ERRORS, SCORES
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.lake import SNAPSHOTS
from churn_pipeline.core.reasons import ReasonsError
from churn_pipeline.core.schema import SchemaError
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


UNREACHABLE = "canary, unreachable"
EARLIER = """
select trial_id, as_of, conversion_probability from scores where as_of in ($1, $2) and trial_id = any($3)
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What was scored, and by whom."""

    scores: pa.Table
    errors: pa.Table
    who: Lineup

    @property
    def by(self) -> InProduction:
        """The champion, or who stepped in for it."""
        return self.who.champion


@dataclass(frozen=True, slots=True)
class Unable:
    """What becomes of a day on which a model failed: the versions that cannot score it, each with why."""

    versions: Mapping[str, str]


class LoadedOnce:
    """The models of a store; one that could be loaded is not loaded again."""

    def __init__(self, models: ModelStore) -> None:
        """Nothing is loaded yet."""
        self.load = cache(models.load)


def score_day(
    lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, settings: Settings, stamp: Stamp
) -> Day:
    """Score every running trial of the day by whoever is in production, a block of them after the other.

    During a rollout the canary scores its share of them; the champion does where the canary cannot. Where the champion
    cannot, one that was before it scores its trials, the newest that can, and where none can, the rules.

    A model that fails at any block leaves nothing of the day: every block is thrown away, whoever scored it, and the day begins anew without that model.

    Raises:
        LakeError: the day has no snapshots.
        SchemaError, ReasonsError: not even the rules can score it.
    """
    turn = partial(_turn, lake, warehouse, LoadedOnce(models), as_of=as_of, settings=settings, stamp=stamp)
    day = turn(Unable({}))
    while isinstance(day, Unable):
        day = turn(day)
    return day


def _turn(
    lake: Lake,
    warehouse: Warehouse,
    models: Models,
    unable: Unable,
    *,
    as_of: datetime,
    settings: Settings,
    stamp: Stamp,
) -> Day | Unable:
    """The day without the models that are unable; or, where one more of them fails, those and that one."""
    import pyarrow as pa

    who = lineup(warehouse, models, as_of=as_of, rules=partial(rules, lake, as_of), unable=unable.versions)
    scored: list[pa.Table] = []
    # the canary first, as the champion scores all trials where it cannot
    for by in filter(None, (who.canary, who.champion)):
        blocks = _scored(lake, warehouse, who, by, as_of=as_of, settings=settings, stamp=stamp)
        try:
            scored.append(spilled(arrow_schema(SCORES), blocks, folder=lake.engine.spill))
        except (SchemaError, ReasonsError) as error:
            if by.scored_by == RULES:
                raise
            return Unable({**unable.versions, by.model_version: str(error)})
    return Day(pa.concat_tables(scored[::-1]), _errors(who, as_of, stamp), who)


def _scored(
    lake: Lake,
    warehouse: Warehouse,
    who: Lineup,
    by: InProduction,
    *,
    as_of: datetime,
    settings: Settings,
    stamp: Stamp,
) -> Iterator[pa.Table]:
    """The scores of the trials that are `by`'s, block by block."""
    for frame in snapshots(lake, as_of, by):
        mine = frame if who.canary is None else frame[who.of_canary(frame["trial_id"]) == (by is who.canary)]
        days = [as_of - timedelta(days=1), as_of - timedelta(days=7)]
        earlier = warehouse.read(EARLIER, [*days, mine["trial_id"].tolist()]).to_pandas()
        yield score(mine, by, earlier=earlier, settings=settings, stamp=stamp)


def write_day(day: Day, warehouse: Warehouse, *, as_of: datetime) -> None:
    """Replace the day's scores in one transaction, then what went wrong on it in another."""
    warehouse.replace(SCORES, day.scores, where={"as_of": as_of})
    warehouse.replace(PREDICTION_ERRORS, day.errors, where={"as_of": as_of})


def snapshots(lake: Lake, as_of: datetime, by: InProduction) -> Iterator[pd.DataFrame]:
    """The running trials of the day with the features that `by` needs, in blocks; one at least, which may be empty."""
    return snapshot_blocks(lake, SNAPSHOTS.name, as_of, by.scorer.schema.features, also=("sector as segment",))


def _errors(who: Lineup, as_of: datetime, stamp: Stamp) -> pa.Table:
    import pandas as pd

    instead = who.champion.stepped_in
    failed = [
        ("all trials", who.champion.error, instead),
        (UNREACHABLE if who.unreachable else "canary", who.failed, instead or who.champion.scored_by),
    ]
    rows = pd.DataFrame(
        [
            {
                "as_of": as_of,
                "subject": subject,
                "error": (error or "")[:2000],
                "handled_by": handled_by,
                "happened_at": stamp.at,
                "run_id": stamp.run_id,
            }
            for subject, error, handled_by in failed
        ]
    )
    return to_arrow(PREDICTION_ERRORS, rows[[error is not None for _, error, _ in failed]])

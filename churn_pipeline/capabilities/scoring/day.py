"""One day's scores, from the lake's snapshots to the warehouse's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.frames import snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.fallback import rules
from churn_pipeline.capabilities.scoring.production import LEDGER, NOT_SCORED, RULES, in_production
from churn_pipeline.capabilities.scoring.score import InProduction, Stamp, score, to_arrow
from churn_pipeline.contracts.analytics import PREDICTION_ERRORS, SCORES
from churn_pipeline.contracts.lake import SNAPSHOTS
from churn_pipeline.core import ledger
from churn_pipeline.core.reasons import ReasonsError
from churn_pipeline.core.schema import SchemaError
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Day:
    """What was scored."""

    scores: pa.Table
    errors: pa.Table
    by: InProduction


def score_day(
    lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, settings: Settings, stamp: Stamp
) -> Day:
    """Score every running trial of the day by whoever is in production; if that model cannot, by the rules."""
    by = _whoever(lake, warehouse, models, as_of)
    earlier = warehouse.read(
        "select trial_id, as_of, conversion_probability from scores where as_of in ($1, $2)",
        [as_of - timedelta(days=1), as_of - timedelta(days=7)],
    ).to_pandas()
    try:
        scores = score(_frame(lake, as_of, by), by, earlier=earlier, settings=settings, stamp=stamp)
    except (SchemaError, ReasonsError) as error:
        because = "\n".join(part for part in (by.error, str(error)) if part)
        by = InProduction(rules(lake, as_of), RULES, RULES, note=NOT_SCORED, error=because)
        scores = score(_frame(lake, as_of, by), by, earlier=earlier, settings=settings, stamp=stamp)
    return Day(scores, _errors(by, as_of, stamp), by)


def write_day(day: Day, warehouse: Warehouse, *, as_of: datetime) -> None:
    """Replace the day's scores in one transaction, then what went wrong on it in another."""
    warehouse.replace(SCORES, day.scores, where={"as_of": as_of})
    warehouse.replace(PREDICTION_ERRORS, day.errors, where={"as_of": as_of})


def _whoever(lake: Lake, warehouse: Warehouse, models: ModelStore, as_of: datetime) -> InProduction:
    chosen = ledger.scores_day(ledger.read(warehouse.read(LEDGER).to_pylist()), as_of)
    return in_production(chosen, models, rules=partial(rules, lake, as_of))


def _frame(lake: Lake, as_of: datetime, by: InProduction) -> pd.DataFrame:
    return snapshot_frame(lake, SNAPSHOTS.name, as_of, by.scorer.schema.features, also=("sector as segment",))


def _errors(by: InProduction, as_of: datetime, stamp: Stamp) -> pa.Table:
    import pandas as pd

    rows = pd.DataFrame(
        {
            "as_of": [as_of],
            "subject": ["all trials"],
            "error": [(by.error or "")[:2000]],
            "handled_by": [by.stepped_in],
            "happened_at": [stamp.at],
            "run_id": [stamp.run_id],
        }
    )
    return to_arrow(PREDICTION_ERRORS, rows if by.error else rows.iloc[:0])

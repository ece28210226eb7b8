"""Running trials -> rows of `scores`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.reasons import Explanation, reasons
from churn_pipeline.core.schema import FeatureSchema
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


class Explains(Protocol):
    """What can score: a fitted scorer or the rules."""

    @property
    def schema(self) -> FeatureSchema:
        """The features it uses."""

    def log_odds(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The log-odds of each row."""

    def explain(self, frame: pd.DataFrame) -> Explanation:
        """The log-odds of each row and the pushes that make them."""


@dataclass(frozen=True, slots=True)
class InProduction:
    """Who scores a day, and what a reader of those scores must know."""

    scorer: Explains
    scored_by: str
    model_version: str
    note: str | None = None
    error: str | None = None
    """Why the champion does not score although it should: one before it, or the rules, stepped in."""

    @property
    def stepped_in(self) -> str | None:
        """Who scores in the place of the champion, as `prediction_errors` calls it; None where nobody had to."""
        if self.error is None:
            return None
        return "rules" if self.scored_by == "rules" else "previous_champion"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and by which run something was computed, from which definitions."""

    run_id: str
    at: datetime
    features_version: str


def score(
    snapshots: pd.DataFrame, by: InProduction, *, earlier: pd.DataFrame, settings: Settings, stamp: Stamp
) -> pa.Table:
    """Score and explain every snapshot; one row each, in the order given.

    Args:
        snapshots: the columns of a snapshot's key and segment, and the features of `by.scorer`.
        by: who scores.
        earlier: trial_id, as_of, conversion_probability of scores given before, for the changes.
        settings: the thresholds of the buckets.
        stamp: goes into every row.

    Raises:
        SchemaError: the snapshots do not hold the features of the scorer.
        ReasonsError: the reasons do not add up to the scores.
    """
    import pandas as pd

    explanation = by.scorer.explain(snapshots)
    rows = pd.DataFrame(index=snapshots.index)
    for column in ("trial_id", "account_id", "as_of", "trial_day"):
        rows[column] = snapshots[column]
    rows["conversion_probability"] = logit.probability(explanation.log_odds)
    rows["score_bucket"] = buckets(rows["conversion_probability"], settings)
    for days in (1, 7):
        rows[f"change_{days}d"] = rows["conversion_probability"] - _earlier(rows, earlier, days)
    rows["segment"] = snapshots["segment"].fillna("all")
    rows = rows.join(reasons(explanation, snapshots, by.scorer.schema))
    rows["note"], rows["scored_by"], rows["model_version"] = by.note, by.scored_by, by.model_version
    rows["features_version"], rows["scored_at"], rows["run_id"] = stamp.features_version, stamp.at, stamp.run_id
    return to_arrow(SCORES, rows)


def buckets(probability: pd.Series[float], settings: Settings) -> pd.Series[str]:
    """`at_risk` below its threshold, `hot` above its own, else `middle`."""
    import pandas as pd

    bucket = pd.Series("middle", index=probability.index, dtype="object")
    bucket[probability < settings.at_risk_below] = "at_risk"
    bucket[probability > settings.hot_above] = "hot"
    return bucket


def to_arrow(table: Table, rows: pd.DataFrame) -> pa.Table:
    """Rows as an Arrow table with the declared schema; NaN in a nullable column is null."""
    import pyarrow as pa

    return pa.Table.from_pandas(rows[list(table.names)], schema=arrow_schema(table), preserve_index=False, safe=True)


def _earlier(rows: pd.DataFrame, earlier: pd.DataFrame, days: int) -> pd.Series[float]:
    then = earlier.assign(as_of=earlier["as_of"] + timedelta(days=days)).set_index(["trial_id", "as_of"])
    keys = rows.set_index(["trial_id", "as_of"]).index
    return then["conversion_probability"].reindex(keys).set_axis(rows.index)

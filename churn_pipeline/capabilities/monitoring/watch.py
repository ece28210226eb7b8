"""One day's watch: outcomes that became known, how good the scores were, how far the data moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.adapters.frames import lacking, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.monitoring import drift as drifting
from churn_pipeline.capabilities.monitoring.comparison import Comparison, comparable, comparable_entities
from churn_pipeline.capabilities.monitoring.drift import Drift
from churn_pipeline.capabilities.monitoring.outcomes import outcomes
from churn_pipeline.capabilities.monitoring.performance import Performance, performance
from churn_pipeline.capabilities.monitoring.performance import rows as performance_rows
from churn_pipeline.capabilities.monitoring.report import save_report
from churn_pipeline.contracts.analytics import DRIFT, MODEL_PERFORMANCE, SCORE_OUTCOMES
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.lake import LABELS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.core.splits import Bound, after
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from churn_pipeline.adapters.bundle import Bundle
    from churn_pipeline.capabilities.monitoring.comparison import Compare

# all in order: a database gives rows as they happen to lie, and sums of doubles differ with it in their last bits
WITHOUT_OUTCOME = """
select trial_id, as_of, trial_day, conversion_probability, scored_by, model_version from scores s
where as_of <= $1 and not exists (select from score_outcomes o where o.as_of = s.as_of and o.trial_id = s.trial_id)
and (scored_by = 'rules' or exists (
  select from model_promotions p
  where p.role in ('champion', 'canary') and p.model_version = s.model_version and p.from_as_of <= s.as_of
))
order by as_of, trial_id
"""
"""Scores given in hindsight, by a model that was not in production yet, are no record of it: they stay without outcome."""
SETTLED = "select distinct trial_id, converted from score_outcomes where matured_at <= $1 order by trial_id, converted"
LATELY_MATURED = "select * from score_outcomes where matured_at > $1 and matured_at <= $2 order by as_of, trial_id"
SCORED_DAYS = "select distinct as_of from scores where as_of > $1 and as_of <= $2 order by as_of"
SCORES_OF = """
select trial_id, as_of, trial_day, conversion_probability from scores
where as_of > $1 and as_of <= $2 and model_version = $3 order by as_of, trial_id
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """The drift of a day: of whose features, and where the report lies.

    Where there is no drift, `because` says why. `left_out` are days whose snapshots lack a feature of the champion.
    """

    model_version: str | None
    drift: Drift | None
    report: Path | None
    because: str = ""
    left_out: int = 0


def write_outcomes(lake: Lake, warehouse: Warehouse, *, as_of: datetime) -> int:
    """Join the scores that have no outcome yet to the labels that are mature by the day; gives how many joined.

    Scores of the day itself that were given anew lose the outcome of the old ones first, and so do all scores of a
    trial whose label has changed (its subscription came late) or is gone (its subscription is in quarantine): they are
    joined to the label as it is now.
    """
    labels = lake.read(LABELS.name, as_of)
    nothing = arrow_schema(SCORE_OUTCOMES).empty_table()
    warehouse.replace(SCORE_OUTCOMES, nothing, where={"as_of": as_of})
    for outcome in _changed(warehouse.read(SETTLED, [as_of]), labels):
        warehouse.replace(SCORE_OUTCOMES, nothing, where=outcome)
    waiting = warehouse.read(WITHOUT_OUTCOME, [as_of])
    return warehouse.append(SCORE_OUTCOMES, outcomes(waiting, labels, as_of=as_of))


def _changed(settled: pa.Table, labels: pa.Table) -> list[dict[str, Any]]:
    """The outcomes (trial_id, converted) that the labels contradict, or know nothing of, by now."""
    import pyarrow.compute as pc

    now = labels.select(["trial_id", "converted"])
    known = settled.join(now, "trial_id", right_suffix="_now", join_type="left outer")
    same = pc.fill_null(pc.equal(known["converted"], known["converted_now"]), fill_value=False)
    return list(known.filter(pc.invert(same)).select(["trial_id", "converted"]).sort_by("trial_id").to_pylist())


def write_performance(
    warehouse: Warehouse, *, as_of: datetime, settings: Settings, run_id: str
) -> tuple[Performance, ...]:
    """Judge every model on the trials that matured in the window before the day."""
    window = timedelta(days=settings.performance_window_days)
    judged = performance(
        warehouse.read(LATELY_MATURED, [as_of - window, as_of]),
        as_of=as_of,
        window_days=settings.performance_window_days,
        min_auc=settings.performance_min_auc,
    )
    warehouse.replace(MODEL_PERFORMANCE, performance_rows(judged, as_of=as_of, run_id=run_id), where={"as_of": as_of})
    return judged


def watch_drift(
    lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, settings: Settings
) -> Watched:
    """Compare the snapshots and scores of the last days with what the day's champion was trained on."""
    version = _scored_by(warehouse, as_of)
    if version is None:
        return Watched(None, None, None, "no model scored this day, so there is nothing to compare with")
    bundle = models.load(version)
    trained = datetime.fromisoformat(bundle.facts["trained_as_of"])
    unusable = _unusable(lake, TRAINING_SET.name, trained, bundle)
    if unusable:
        because = f"the training set of model {version} ({trained:%Y-%m-%d}) {unusable}"
        return Watched(version, None, None, because)
    training = snapshot_frame(lake, TRAINING_SET.name, trained, bundle.scorer.schema.features)
    since = as_of - timedelta(days=settings.drift_window_days)
    current, left_out = _recent_rows(lake, warehouse, bundle, since=since, as_of=as_of)
    if current is None:
        return Watched(version, None, None, f"no snapshots of the last days have the features of model {version}")
    of_table = any(feature.read_from for feature in bundle.scorer.schema.features)
    compared = comparable_entities if of_table else comparable
    found = drifting.measure(
        compared(_fitted(training, bundle), current),
        _scores(compared, training, bundle, warehouse.read(SCORES_OF, [since, as_of, version]).to_pandas()),
        bundle.scorer.schema.names,
        false_alarm=settings.drift_false_alarm,
        min_distance=settings.drift_min_distance,
        rng=np.random.default_rng(settings.seed),
    )
    path = settings.home / "reports" / f"drift-{as_of:%Y-%m-%d}.html"
    report = save_report(found, path, drift_share=settings.drift_share) if found.shifts and settings.reports else None
    return Watched(version, found, report, left_out=left_out)


def write_drift(watched: Watched, warehouse: Warehouse, *, as_of: datetime, run_id: str) -> None:
    """Replace the day's rows of table `drift`."""
    found = watched.drift or Drift(())
    rows = drifting.rows(found, as_of=as_of, model_version=watched.model_version or "", run_id=run_id)
    warehouse.replace(DRIFT, rows, where={"as_of": as_of})


def _scored_by(warehouse: Warehouse, as_of: datetime) -> str | None:
    """The champion behind the day's scores; none where the rules scored or nobody was scored."""
    found = warehouse.read(
        "select distinct model_version from scores where as_of = $1 and scored_by = 'champion'", [as_of]
    ).to_pylist()
    return found[0]["model_version"] if found else None


def _unusable(lake: Lake, dataset: str, day: datetime, bundle: Bundle) -> str:
    """Why a day of a dataset cannot be read with the model's features: it is gone, or does not have one; empty where it can."""
    if not lake.has(dataset, day):
        return "is gone"
    absent = lacking(lake, dataset, day, bundle.scorer.schema.features)
    return f"does not have {', '.join(absent)}" if absent else ""


def _fitted(training: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    return training[~after(training, Bound.from_json(bundle.facts["calibrated_until"]))]


def _recent_rows(
    lake: Lake, warehouse: Warehouse, bundle: Bundle, *, since: datetime, as_of: datetime
) -> tuple[pd.DataFrame | None, int]:
    """The snapshots of the days scored lately (None if there are none), and how many days had to be left out."""
    import pandas as pd

    days = warehouse.read(SCORED_DAYS, [since, as_of])["as_of"].to_pylist()
    features = bundle.scorer.schema.features
    usable = [day for day in days if not _unusable(lake, SNAPSHOTS.name, day, bundle)]
    frames = [snapshot_frame(lake, SNAPSHOTS.name, day, features) for day in usable]
    return (pd.concat(frames, ignore_index=True) if frames else None), len(days) - len(frames)


def _scores(compared: Compare, training: pd.DataFrame, bundle: Bundle, shown: pd.DataFrame) -> Comparison:
    """Scores of training rows that nothing was fitted on, against the scores that were shown."""
    unseen = training[after(training, Bound.from_json(bundle.facts["calibrated_until"]))]
    scored = unseen.assign(conversion_probability=bundle.scorer.probability(unseen) if len(unseen) else [])
    return compared(scored, shown)

"""What watches the tables and asks for a retrain by itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.jobs import everything, retrain
from churn_pipeline.orchestration.triggers import Signs, ask_retrain
from churn_pipeline.settings import Settings

RETRAINING = (retrain.name, everything.name)
"""The jobs that train a challenger."""
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
PERFORMANCE = """
select as_of, model_version, degraded, verdict from model_performance
where scored_by = 'champion' and model_version = $1 order by as_of desc limit 1
"""
DRIFTED = """
select as_of, avg(cast(drifted as int)) as share from drift
where model_version = $1 and feature <> 'conversion_probability' group by as_of order by as_of desc limit 1
"""
CHAMPION = """
select model_version, decided_at from model_promotions where role = 'champion' order by from_as_of desc, decided_at desc limit 1
"""


UNABLE = """
select as_of, error from prediction_errors
where subject = 'all trials' and as_of = (select max(as_of) from scores) and happened_at >= $1 and error not like '%cannot be read now%'
"""
"""Why others scored the newest day since the champion was decided on; storage that does not answer proves nothing about a model."""


@dg.sensor(
    job=retrain,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    description="Asks for a retrain when the champion's matured scores were degraded, too many features drifted, or another had to score in its place.",
)
def degradation(
    context: dg.SensorEvaluationContext,
    tables: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.RunRequest | dg.SkipReason:
    """Read what the tables say of the champion on their newest day, and decide."""
    if any(context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNDER_WAY), limit=1) for job in RETRAINING):
        return dg.SkipReason("a retrain is under way")
    signs = read_signs(tables, window_days=settings.performance_window_days)
    asked = ask_retrain(
        signs,
        now=clock.now(),
        last_retrain=_last_retrain(context.instance),
        cooldown_days=settings.retrain_cooldown_days,
        drift_share=settings.drift_share,
    )
    if not asked or signs is None:
        return dg.SkipReason(str(asked))
    context.log.info(str(asked))
    day = f"{signs.as_of:%Y-%m-%d}"
    return dg.RunRequest(run_key=asked.key, partition_key=day, tags={"churn/because": asked.because[:200]})


def read_signs(warehouse: Warehouse, *, window_days: int) -> Signs | None:
    """What the tables say of the present champion on the newest day it was watched; None before that.

    What was said of an older day is not said of that day: on it no score of the champion had matured within the window, or
    there was nothing to measure drift on. Where another scores in its place the figures are that one's, and are not read:
    that the champion cannot score is a sign of its own.
    """
    champion = _first(warehouse.read(CHAMPION).to_pylist())
    if champion is None:
        return None
    version = champion["model_version"]
    performance = _first(warehouse.read(PERFORMANCE, [version]).to_pylist())
    drift = _first(warehouse.read(DRIFTED, [version]).to_pylist())
    unable = _first(warehouse.read(UNABLE, [champion["decided_at"]]).to_pylist())
    seen = [row["as_of"] for row in (performance, drift, unable) if row is not None]
    if not seen:
        return None
    newest = max(seen)
    judged, moved, failed = (row if row and row["as_of"] == newest else None for row in (performance, drift, unable))
    return Signs(
        as_of=newest,
        champion=version,
        degraded=judged is not None and judged["degraded"],
        performance=judged["verdict"] if judged else f"none of its scores matured in the {window_days} days before",
        drift_share=float(moved["share"]) if moved else 0.0,
        unable=failed["error"].splitlines()[0] if failed else "",
    )


def _last_retrain(instance: dg.DagsterInstance) -> datetime | None:
    newest = [record for job in RETRAINING for record in instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)]
    return max((record.create_timestamp.astimezone(UTC) for record in newest), default=None)


def _first(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return rows[0] if rows else None


SENSORS = (degradation,)

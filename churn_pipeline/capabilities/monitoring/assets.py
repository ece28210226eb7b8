"""Assets: what became of the scores, how good they were, how far the data moved."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.monitoring import watch
from churn_pipeline.capabilities.monitoring.show import describe_drift, describe_performance
from churn_pipeline.contracts.analytics import DRIFT, MODEL_PERFORMANCE, SCORE_OUTCOMES
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings

GROUP = "monitoring"


@table_asset(SCORE_OUTCOMES, group=GROUP, deps=("scores", "labels"))
def score_outcomes(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """A score gets its outcome on the first day on which the trial's label is mature."""
    joined = watch.write_outcomes(lake, warehouse, as_of=as_of(context))
    return dg.MaterializeResult(metadata={"scores that got their outcome": joined})


@table_asset(MODEL_PERFORMANCE, group=GROUP, deps=(SCORE_OUTCOMES.name,))
def model_performance(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """With intervals: a model counts as degraded only where the whole interval lies below the bound."""
    judged = watch.write_performance(warehouse, as_of=as_of(context), settings=settings, run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=describe_performance(judged, warehouse, settings))


@table_asset(DRIFT, group=GROUP, deps=("scores", "snapshots", "champion"))
def drift(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Thresholds know the sample size: on data that did not move, a day flags anything as rarely as the settings say."""
    watched = watch.watch_drift(lake, warehouse, models, as_of=as_of(context), settings=settings)
    watch.write_drift(watched, warehouse, as_of=as_of(context), run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=describe_drift(watched, settings))

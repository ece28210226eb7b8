"""Asset: the challenger, a model trained on everything known by a day."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.report import describe, miscalibrated
from churn_pipeline.capabilities.training.train import train, write_challenger
from churn_pipeline.contracts.lake import CHALLENGER
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings

SEGMENTS = dg.AssetCheckSpec(
    "calibrated_in_every_segment",
    asset=CHALLENGER.name,
    description="In no plan, channel, sector or other attribute of trials are the scores too high or too low by more than chance.",
)


@table_asset(
    CHALLENGER,
    group="training",
    deps=("training_set",),
    kinds=("xgboost", "lightgbm", "mlflow"),
    check_specs=[SEGMENTS],
)
def challenger(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    models: dg.ResourceParam[ModelStore],
    studies: dg.ResourceParam[Studies],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Tuned and tested on cohorts in order of time, chosen and calibrated by cross-fitting; kept in MLflow with all that it stands on."""
    trained = train(lake, models, studies, as_of=as_of(context), settings=settings, progress=context.log.info)
    write_challenger(lake, as_of(context), trained)
    off = miscalibrated(trained, models)
    calibrated = finding(
        SEGMENTS.name, passed=not off, words=off or "no segment is off by more than chance", blocks=False
    )
    return dg.MaterializeResult(metadata=describe(trained, models, settings), check_results=[calibrated])

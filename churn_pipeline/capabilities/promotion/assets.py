"""Assets: verdict, plan, champion. The plan is checked before anything is changed."""

import dagster as dg

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import read_ledger
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.promotion import decide
from churn_pipeline.capabilities.promotion.show import (
    describe_champion,
    describe_guards,
    describe_thresholds,
    note_verdict,
)
from churn_pipeline.contracts.lake import PROMOTION_PLAN
from churn_pipeline.contracts.production import MODEL_PROMOTIONS, MODEL_VERDICTS
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import DAYS, as_of
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import OWNER, described, table_asset
from churn_pipeline.settings import Settings

GROUP = "promotion"


@table_asset(MODEL_VERDICTS, group=GROUP, deps=("challenger", "training_set"))
def model_verdicts(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Log loss first, by paired bootstrap over the newest matured trials that neither model was fitted on; then the guard rails."""
    evaluation = decide.evaluate(lake, warehouse, models, as_of=as_of(context), settings=settings)
    decide.write_verdict(evaluation, warehouse, as_of=as_of(context), run_id=context.run.run_id)
    note_verdict(evaluation, models, as_of=as_of(context))
    shown = {**describe_guards(evaluation), **describe_thresholds(evaluation.judged, settings)}
    return dg.MaterializeResult(metadata={"verdict": evaluation.because, **decide.figures(evaluation), **shown})


@table_asset(PROMOTION_PLAN, group=GROUP, deps=(MODEL_VERDICTS.name, "challenger"))
def promotion_plan(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Nothing is changed here: a blocking check looks at the plan first."""
    planned = decide.plan(lake, warehouse, models, as_of=as_of(context), settings=settings)
    decide.write_plan(planned, lake, as_of=as_of(context))
    return dg.MaterializeResult(metadata={"promote": planned.promote or "nobody", "verdict": planned.verdict})


@dg.asset_check(asset=PROMOTION_PLAN.name, blocking=True)
def planned_model_is_whole(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], models: dg.ResourceParam[ModelStore]
) -> dg.AssetCheckResult:
    """The model that would go into production is, byte by byte and score by score, the one that was judged."""
    planned = decide.read_plan(lake, as_of=as_of(context))
    try:
        decide.check_plan(planned, models)
    except (BundleError, ModelStoreError) as error:
        return finding("planned_model_is_whole", passed=False, words=str(error))
    words = f"model {planned.promote} is whole" if planned.promote else "nothing is to be promoted"
    return finding("planned_model_is_whole", passed=True, words=words)


@dg.asset(
    group_name=GROUP,
    deps=[PROMOTION_PLAN.name],
    partitions_def=DAYS,
    kinds={"postgres", "mlflow"},
    owners=[OWNER],
    metadata=described(MODEL_PROMOTIONS),
)
@measured
def champion(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """The model in production. A change of it is an entry in the ledger `model_promotions`, then an alias in MLflow."""
    planned = decide.read_plan(lake, as_of=as_of(context))
    receipt = decide.carry_out(
        planned, warehouse, models, as_of=as_of(context), decided_at=clock.now(), run_id=context.run.run_id
    )
    past = read_ledger(warehouse)
    return dg.MaterializeResult(
        metadata=describe_champion(past, as_of(context), planned, receipt, model=models.name, settings=settings)
    )

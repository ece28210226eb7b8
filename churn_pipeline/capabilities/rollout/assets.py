"""Assets: the look at the rollout, its plan, its next step; and the A/B of its arms."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import champion_words, read_ledger
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout import compare, day
from churn_pipeline.capabilities.rollout.show import describe_arms, describe_verdict
from churn_pipeline.contracts.lake import ROLLOUT_PLAN
from churn_pipeline.contracts.production import MODEL_PROMOTIONS, ROLLOUT_ARMS, ROLLOUT_SCORES, ROLLOUT_VERDICTS
from churn_pipeline.core.ledger import LedgerError
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import DAYS, as_of
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import OWNER, described, table_asset
from churn_pipeline.settings import Settings

GROUP = "rollout"


@table_asset(ROLLOUT_VERDICTS, group=GROUP, deps=("labels", "champion"))
def rollout_verdicts(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """On what matured since the rollout began, on the newest scores of both, and on errors; the interval holds at all looks together."""
    verdict = day.look(lake, warehouse, models, as_of=as_of(context), settings=settings)
    day.write_verdict(verdict, warehouse, as_of=as_of(context), run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=describe_verdict(verdict))


@table_asset(ROLLOUT_PLAN, group=GROUP, deps=(ROLLOUT_VERDICTS.name,))
def rollout_plan(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Nothing is changed here: a blocking check looks at the plan first."""
    planned = day.plan(warehouse, as_of=as_of(context), settings=settings)
    day.write_plan(planned, lake, as_of=as_of(context))
    return dg.MaterializeResult(metadata={"canary": planned.canary or "nothing changes", "verdict": planned.verdict})


@dg.asset_check(asset=ROLLOUT_PLAN.name, blocking=True)
def planned_on_what_is(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The plan is about the champion and the canary that are in production."""
    planned = day.read_plan(lake, as_of=as_of(context))
    try:
        day.check_plan(planned, warehouse, as_of=as_of(context))
    except LedgerError as error:
        return finding("planned_on_what_is", passed=False, words=str(error))
    return finding("planned_on_what_is", passed=True, words=planned.verdict)


@dg.asset(
    group_name=GROUP,
    deps=[ROLLOUT_PLAN.name],
    partitions_def=DAYS,
    kinds={"postgres", "mlflow"},
    owners=[OWNER],
    metadata=described(MODEL_PROMOTIONS),
)
@measured
def canary(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """The model on trial in production, beside the champion. Each step of it is an entry in the ledger `model_promotions`, then an alias in MLflow."""
    planned = day.read_plan(lake, as_of=as_of(context))
    done = day.carry_out(
        planned, warehouse, models, as_of=as_of(context), decided_at=clock.now(), run_id=context.run.run_id
    )
    in_production = champion_words(read_ledger(warehouse), as_of(context))
    return dg.MaterializeResult(metadata={"in production": in_production, "change": str(done or "none")})


@table_asset(ROLLOUT_ARMS, group=GROUP, deps=(ROLLOUT_SCORES.name, "labels"))
def rollout_arms(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """The new model against the old in production; of the rollout that goes on, or ended that day."""
    found = compare.compare_arms(lake, warehouse, as_of=as_of(context))
    compare.write_arms(found, warehouse, as_of=as_of(context), run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=describe_arms(found))

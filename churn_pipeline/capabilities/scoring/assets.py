"""Assets: the scores of a day and what follows from them."""

from datetime import timedelta

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.own_features import own_features
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.both import both_say
from churn_pipeline.capabilities.scoring.day import score_day, write_day
from churn_pipeline.capabilities.scoring.plan import PLANNED_FROM, plan_actions
from churn_pipeline.capabilities.scoring.production import RULES
from churn_pipeline.capabilities.scoring.report import (
    by_the_champion,
    describe_actions,
    describe_both,
    describe_day,
    who_scored,
)
from churn_pipeline.capabilities.scoring.score import Stamp
from churn_pipeline.contracts.analytics import ACTIONS, SCORES
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline.core.featurize.version import features_version
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings

GROUP = "scoring"
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24), warn_window=timedelta(hours=23))
BY_MODEL = dg.AssetCheckSpec(
    "scored_by_a_model", asset=SCORES.name, description="The champion scored, not one before it or the rules."
)


@table_asset(
    SCORES,
    group=GROUP,
    deps=("snapshots", "labels", "champion", "canary"),
    freshness_policy=FRESH,
    check_specs=[BY_MODEL],
)
def scores(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """Every running trial of the day, scored and explained by whoever is champion that day; its share of them by the canary."""
    version = features_version(own_features(settings.own_features, lake.engine))
    stamp = Stamp(context.run.run_id, clock.now(), version)
    day = score_day(lake, warehouse, models, as_of=as_of(context), settings=settings, stamp=stamp)
    write_day(day, warehouse, as_of=as_of(context))
    by_model = finding(
        BY_MODEL.name, passed=by_the_champion(day), words=who_scored(day), blocks=day.by.stepped_in == RULES
    )
    return dg.MaterializeResult(metadata=describe_day(day, settings), check_results=[by_model])


@table_asset(ROLLOUT_SCORES, group=GROUP, deps=(SCORES.name, "snapshots"))
def rollout_scores(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    models: dg.ResourceParam[ModelStore],
) -> dg.MaterializeResult:
    """No rows where no rollout goes on."""
    said = both_say(lake, warehouse, models, as_of=as_of(context), run_id=context.run.run_id)
    warehouse.replace(ROLLOUT_SCORES, said, where={"as_of": as_of(context)})
    return dg.MaterializeResult(metadata=describe_both(said))


@table_asset(ACTIONS, group=GROUP, deps=(SCORES.name,), owner="team:customer-success")
def actions(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    """At risk: outreach by customer success. Hot: a call by sales. Between: e-mail and prompts."""
    plan = plan_actions(warehouse.read(PLANNED_FROM, [as_of(context)]))
    warehouse.replace(ACTIONS, plan, where={"as_of": as_of(context)})
    return dg.MaterializeResult(metadata=describe_actions(plan))

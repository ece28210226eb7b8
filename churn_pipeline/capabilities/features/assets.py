"""Assets: what is known of each trial, as of a day."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.own_features import own_features
from churn_pipeline.capabilities.features import snapshots as features
from churn_pipeline.capabilities.features.foresight import NOTHING_COMPARED, own_foresight
from churn_pipeline.capabilities.features.landmarks import write_landmark_snapshots
from churn_pipeline.contracts.lake import LABELS, LANDMARK_SNAPSHOTS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.core.featurize.version import features_version
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings

GROUP = "features"
RECORDS = ("trials", "events", "subscriptions", "touches", "assignments", "indicators")


@table_asset(SNAPSHOTS, group=GROUP, deps=RECORDS)
def snapshots(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """Trials that have converted are no longer looked at; without consent to profiling a trial is not looked at."""
    own = own_features(settings.own_features, lake.engine)
    rows = features.write_running_snapshots(lake, as_of(context), own)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "features_version": features_version(own)})


@table_asset(LANDMARK_SNAPSHOTS, group=GROUP, deps=RECORDS)
def landmark_snapshots(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """Label-blind: on which days a trial is looked at depends on its start and planned length alone.

    Kept in parts, a week of looks each; a part is computed again where a late or corrected record touched it.
    """
    own = own_features(settings.own_features, lake.engine)
    written = write_landmark_snapshots(lake, as_of(context), settings.landmarks, own=own)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": written.rows,
            "parts": written.parts,
            "parts computed": written.computed,
            "features_version": features_version(own),
        }
    )


@dg.asset_check(
    asset=LANDMARK_SNAPSHOTS.name,
    blocking=True,
    description="Features of your own, at past looks: what is known now and what was known then give the same.",
)
def own_features_know_no_future(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Compare before anything is learnt from them."""
    own = own_features(settings.own_features, lake.engine)
    found = own_foresight(lake, own, now=as_of(context), landmarks=settings.landmarks) if own else NOTHING_COMPARED
    return finding("own_features_know_no_future", passed=not found.differing, words=str(found))


@table_asset(LABELS, group=GROUP, deps=("trials", "subscriptions"))
def labels(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """A label is final once the planned days and the days of grace have passed; before that there is none."""
    rows = features.write_labels(lake, as_of(context), settings.grace_days)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "grace_days": settings.grace_days})


@table_asset(TRAINING_SET, group=GROUP, deps=(LANDMARK_SNAPSHOTS.name, LABELS.name))
def training_set(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """At each landmark only the trials that had not converted yet count: the population that is scored."""
    drawn = features.write_training_set(lake, as_of(context), settings.training_rows)
    return dg.MaterializeResult(metadata={"dagster/row_count": drawn.rows, "drawn from rows": drawn.of})

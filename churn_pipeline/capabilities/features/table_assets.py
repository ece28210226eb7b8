"""Assets of a business that brings its own feature table: labels, training set and snapshots, as every business has them."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources.mapping import feature_table
from churn_pipeline.capabilities.features.feature_table import (
    write_table_labels,
    write_table_snapshots,
    write_table_training_set,
)
from churn_pipeline.contracts.feature_table import NAME
from churn_pipeline.contracts.lake import LABELS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings

GROUP = "features"


@table_asset(LABELS, group=GROUP, deps=(NAME,))
def labels(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """A label is known from the first day on of which the table says it."""
    return dg.MaterializeResult(metadata={"dagster/row_count": write_table_labels(lake, as_of(context))})


@table_asset(TRAINING_SET, group=GROUP, deps=(NAME, LABELS.name))
def training_set(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """Every row that has a label."""
    drawn = write_table_training_set(lake, as_of(context), settings.training_rows)
    return dg.MaterializeResult(metadata={"dagster/row_count": drawn.rows, "drawn from rows": drawn.of})


@table_asset(SNAPSHOTS, group=GROUP, deps=(NAME,))
def snapshots(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    """The newest row of every entity that has no label yet; where all have one, those that models are only tested on."""
    segment = feature_table(settings.mapping).segment
    scored = write_table_snapshots(lake, as_of(context), segment=segment, test_share=settings.test_share)
    return dg.MaterializeResult(metadata={"dagster/row_count": scored.rows, "scored": scored.who})

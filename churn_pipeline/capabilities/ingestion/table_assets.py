"""Asset of a business that brings its own feature table: the table as read, typed and judged; nothing of it is used yet."""

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import opened
from churn_pipeline.adapters.sources.mapping import feature_table
from churn_pipeline.capabilities.ingestion.feature_table import stage_feature_table
from churn_pipeline.capabilities.ingestion.show import describe_looked
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.table_asset import table_asset
from churn_pipeline.settings import Settings


@table_asset(FEATURE_TABLE_COLUMNS, group="ingestion")
def feature_table_columns(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """By their values and by how they go with the label; what seems to know the outcome is left out unless asked for."""
    spec, day = feature_table(settings.mapping), as_of(context)
    with opened(settings, writer=True) as source:
        looked, staged = stage_feature_table(lake, source, spec, as_of=day, read_at=clock.now())
    return dg.MaterializeResult(metadata=describe_looked(looked, staged))

"""Assets of a business that brings its own feature table: its good rows, after a blocking check; the others with their reason."""

from collections.abc import Iterator

import dagster as dg

from churn_pipeline.adapters.feature_table import require_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.acceptance import accept, forget_batches
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.capabilities.validation.data_docs import FOLDER as DOCS
from churn_pipeline.capabilities.validation.data_docs import write_docs
from churn_pipeline.capabilities.validation.feature_table import close_issues
from churn_pipeline.capabilities.validation.show import describe_accepted, describe_batch
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, DATA_QUALITY_RESOLUTIONS, INGESTION_COUNTS
from churn_pipeline.contracts.feature_table import NAME
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import DAYS, as_of
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import OWNER, table_spec
from churn_pipeline.settings import Settings

GROUP = "validation"
FIT = "fit_to_be_used"


@dg.asset_check(
    asset=FEATURE_TABLE_COLUMNS.name,
    name=FIT,
    blocking=True,
    description="The table is complete and has no more bad rows than the settings allow, by the row rules (every row) and "
    "Great Expectations (a sample, unless the settings leave it out). Otherwise nothing is taken in, and yesterday's scores stay.",
)
def feature_table_fit(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Judge the table as a whole, before anything of it is used."""
    day, most, sampled = as_of(context), settings.max_bad_share, settings.suite_sample_rows
    contract = require_columns(lake, day).contract
    verdict = check_batch(lake, contract, as_of=day, max_bad_share=most, sample_rows=sampled)
    write_docs([verdict], settings.home / "reports" / DOCS, as_of=day)
    return finding(FIT, passed=verdict.passed, words=str(verdict), **describe_batch(verdict, settings))


@dg.multi_asset(
    name="checked_feature_table",
    specs=[
        dg.AssetSpec(
            NAME,
            description="A team's own feature table: the good rows of the day.",
            partitions_def=DAYS,
            deps=[FEATURE_TABLE_COLUMNS.name],
            group_name=GROUP,
            kinds={"duckdb", "parquet"},
            owners=[OWNER],
        ),
        table_spec(DATA_QUALITY_ISSUES, group=GROUP, deps=[FEATURE_TABLE_COLUMNS.name]),
        table_spec(DATA_QUALITY_RESOLUTIONS, group=GROUP, deps=[FEATURE_TABLE_COLUMNS.name]),
        table_spec(INGESTION_COUNTS, group=GROUP, deps=[FEATURE_TABLE_COLUMNS.name]),
    ],
    description="Good rows are used, the others go to quarantine; no row is lost.",
)
@measured
def checked_feature_table(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult]:
    """Rows read = rows kept + rows quarantined + exact duplicates."""
    day, contract = as_of(context), require_columns(lake, as_of(context)).contract
    accepted = accept(lake, contract, as_of=day, read_at=clock.now(), run_id=context.run.run_id, history=False)
    closed = close_issues(warehouse, accepted, resolved_at=clock.now(), run_id=context.run.run_id)
    issues = warehouse.append(DATA_QUALITY_ISSUES, accepted.issues)
    rows = warehouse.append(INGESTION_COUNTS, accepted.counts)
    forget_batches(lake, day)
    yield dg.MaterializeResult(asset_key=NAME, metadata=describe_accepted(accepted))
    yield dg.MaterializeResult(asset_key=DATA_QUALITY_ISSUES.name, metadata={"new issues": issues})
    yield dg.MaterializeResult(asset_key=DATA_QUALITY_RESOLUTIONS.name, metadata={"issues that were mended": closed})
    yield dg.MaterializeResult(asset_key=INGESTION_COUNTS.name, metadata={"dagster/row_count": rows})

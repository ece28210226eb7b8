"""Assets: the records that passed, after blocking checks of each batch; what did not pass, with its reason."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.acceptance import accept, move_watermark
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.capabilities.validation.show import describe_accepted, describe_batch
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, INGESTION_COUNTS, SOURCE_WATERMARKS
from churn_pipeline.contracts.lake import DELETIONS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import raw_name, table_spec
from churn_pipeline.settings import Settings

GROUP = "validation"
FIT = "fit_to_be_used"


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            FIT,
            asset=raw_name(table),
            blocking=True,
            description="The batch is complete and has no more bad rows than the settings allow, by the row rules (every row) "
            "and Great Expectations (a sample). Otherwise nothing is taken in, and yesterday's scores stay.",
        )
        for table in RAW_TABLES
    ],
)
def raw_tables_fit(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """Judge each table's batch as a whole, before anything of it is used."""
    for table in RAW_TABLES:
        verdict = check_batch(
            lake,
            table,
            as_of=as_of(context),
            max_bad_share=settings.max_bad_share,
            sample_rows=settings.suite_sample_rows,
        )
        yield finding(FIT, passed=verdict.passed, words=str(verdict), asset=raw_name(table), **describe_batch(verdict))


@dg.multi_asset(
    name="checked_tables",
    specs=[
        *(table_spec(table, group=GROUP, deps=(raw_name(table), raw_name(RAW_TABLES[0]))) for table in RAW_TABLES),
        *(
            table_spec(table, group=GROUP, deps=[raw_name(raw) for raw in RAW_TABLES])
            for table in (DATA_QUALITY_ISSUES, INGESTION_COUNTS, DELETIONS, SOURCE_WATERMARKS)
        ),
    ],
    description="Good rows land in the lake, the others in quarantine; no row is lost.",
)
def checked_tables(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult]:
    """Rows read = rows kept + rows quarantined + exact duplicates, for each table."""
    stamp: dict[str, Any] = {"as_of": as_of(context), "read_at": clock.now(), "run_id": context.run.run_id}
    issues = rows = 0
    for table in RAW_TABLES:
        accepted = accept(lake, table, **stamp)
        issues += warehouse.append(DATA_QUALITY_ISSUES, accepted.issues)
        rows += warehouse.append(INGESTION_COUNTS, accepted.counts)
        move_watermark(lake, warehouse, table, **stamp)
        yield dg.MaterializeResult(asset_key=table.name, metadata=describe_accepted(accepted))
    yield dg.MaterializeResult(asset_key=DATA_QUALITY_ISSUES.name, metadata={"new issues": issues})
    yield dg.MaterializeResult(asset_key=DELETIONS.name)
    yield dg.MaterializeResult(asset_key=SOURCE_WATERMARKS.name)
    yield dg.MaterializeResult(asset_key=INGESTION_COUNTS.name, metadata={"dagster/row_count": rows})

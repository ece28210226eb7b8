"""Assets: the raw tables as read from the source, typed and judged row by row; nothing has landed yet."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import opened
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.replay import stage_batch
from churn_pipeline.capabilities.ingestion.staging import Staged, stage_table
from churn_pipeline.capabilities.ingestion.watermarks import watermarks
from churn_pipeline.contracts.lake import REPAIRED_ROWS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.spelling import listed
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import as_of
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.table_asset import BY_HAND, raw_name, table_asset, table_spec
from churn_pipeline.settings import Settings


@dg.multi_asset(
    name="raw_tables",
    specs=[table_spec(table, name=raw_name(table), group="ingestion", deps=("demo_source",)) for table in RAW_TABLES],
    description="Every raw table of the source, read into the lake as it is.",
)
@measured
def raw_tables(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.MaterializeResult]:
    """Read the tables one after the other, `trials` first: the others belong to it."""
    read_at = clock.now()
    with opened(settings, watermarks(warehouse), writer=True) as source:
        for table in RAW_TABLES:
            staged = stage_table(
                lake,
                source,
                table,
                as_of=as_of(context),
                read_at=read_at,
                max_deleted_share=settings.max_deleted_share,
            )
            yield dg.MaterializeResult(asset_key=raw_name(table), metadata=_described(staged))


class Replay(dg.Config):
    """What is put back: the name of a batch in folder `replays` of the business, as `churn quarantine replay` writes it."""

    batch: str


@table_asset(REPAIRED_ROWS, group="ingestion", tags=BY_HAND)
def repaired_rows(
    context: dg.AssetExecutionContext,
    config: Replay,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """Read through the mapping as it stands now, typed and judged like any other row."""
    folder = settings.home / "replays" / config.batch
    staged = stage_batch(lake, folder, settings.mapping, as_of=as_of(context), read_at=clock.now())
    return dg.MaterializeResult(metadata={table.table: table.rows for table in staged})


def _described(staged: Staged) -> dict[str, Any]:
    return {
        "dagster/row_count": staged.rows,
        "files": listed([file.file for file in staged.files]),
        "required columns missing": ", ".join(staged.missing) or "none",
        "optional columns not there": ", ".join(staged.absent) or "none",
        "read from": "the beginning" if staged.since is None else str(staged.since),
        "newly deleted or restored": staged.deletions,
    }

"""Assets: the records that passed, after blocking checks of each batch; what did not pass, with its reason."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources.mapping import mapped_tables
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.acceptance import accept, forget_batches, move_watermark
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.capabilities.validation.data_docs import FOLDER as DOCS
from churn_pipeline.capabilities.validation.data_docs import write_docs
from churn_pipeline.capabilities.validation.dismissals import dismiss
from churn_pipeline.capabilities.validation.expectations import read_broken, write_expectations
from churn_pipeline.capabilities.validation.replayed import check_replay, take_back
from churn_pipeline.capabilities.validation.resolutions import write_resolutions
from churn_pipeline.capabilities.validation.show import (
    describe_accepted,
    describe_batch,
    describe_expectations,
    describe_replayed,
    say_batches,
)
from churn_pipeline.contracts.analytics import (
    DATA_EXPECTATIONS,
    DATA_QUALITY_ISSUES,
    DATA_QUALITY_RESOLUTIONS,
    INGESTION_COUNTS,
    SOURCE_WATERMARKS,
)
from churn_pipeline.contracts.lake import DELETIONS, DISMISSED_ISSUES, REPAIRED_ROWS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.days import DAYS, as_of
from churn_pipeline.orchestration.memory import measured
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.orchestration.table_asset import BY_HAND, OWNER, raw_name, table_asset, table_spec
from churn_pipeline.settings import Settings

GROUP = "validation"
FIT = "fit_to_be_used"
FIT_AGAIN = "fit_to_be_replayed"
EXPECTED = "as_expected"


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            FIT,
            asset=raw_name(table),
            blocking=True,
            description="The batch is complete and has no more bad rows than the settings allow, by the row rules (every row) "
            "and Great Expectations (a sample, unless the settings leave it out). Otherwise nothing is taken in, and yesterday's scores stay.",
        )
        for table in RAW_TABLES
    ],
)
def raw_tables_fit(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """Judge each table's batch as a whole, before anything of it is used."""
    day, most, sampled = as_of(context), settings.max_bad_share, settings.suite_sample_rows
    verdicts = [check_batch(lake, table, as_of=day, max_bad_share=most, sample_rows=sampled) for table in RAW_TABLES]
    write_docs(verdicts, settings.home / "reports" / DOCS, as_of=day)
    for verdict in verdicts:
        shown = describe_batch(verdict, settings)
        yield finding(FIT, passed=verdict.passed, words=str(verdict), asset=f"raw_{verdict.table}", **shown)


@table_asset(DATA_EXPECTATIONS, group=GROUP, deps=[raw_name(table) for table in RAW_TABLES])
def data_expectations(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """With a stated chance of a false alarm; of a table with little history nothing is expected yet."""
    found = write_expectations(lake, warehouse, as_of=as_of(context), settings=settings, run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=describe_expectations(found))


@dg.asset_check(
    asset=DATA_EXPECTATIONS.name,
    name=EXPECTED,
    blocking=True,
    description="The newest day of each table is like the days before it. Most of what is not warns; what cannot be chance and would "
    "spoil every score (no records at all, a filled column that is empty) blocks, before anything is taken in.",
)
def newest_day_as_expected(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Say what is odd; only what is set to block does."""
    broken = read_broken(warehouse, as_of=as_of(context))
    return finding(EXPECTED, passed=not broken.words, words=str(broken), blocks=broken.blocks)


@dg.multi_asset(
    name="checked_tables",
    specs=[
        *(
            table_spec(table, group=GROUP, deps=(raw_name(table), raw_name(RAW_TABLES[0]), DATA_EXPECTATIONS.name))
            for table in RAW_TABLES
        ),
        *(
            table_spec(table, group=GROUP, deps=[raw_name(raw) for raw in RAW_TABLES])
            for table in (DATA_QUALITY_ISSUES, INGESTION_COUNTS, DELETIONS, SOURCE_WATERMARKS)
        ),
    ],
    description="Good rows land in the lake, the others in quarantine; no row is lost.",
)
@measured
def checked_tables(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.MaterializeResult]:
    """Rows read = rows kept + rows quarantined + exact duplicates, for each table."""
    stamp: dict[str, Any] = {"as_of": as_of(context), "read_at": clock.now(), "run_id": context.run.run_id}
    mapped = mapped_tables(settings.mapping)
    issues = rows = 0
    for table in RAW_TABLES:
        accepted = accept(lake, table, **stamp, mapped=mapped.get(table.name))
        issues += warehouse.append(DATA_QUALITY_ISSUES, accepted.issues)
        rows += warehouse.append(INGESTION_COUNTS, accepted.counts)
        move_watermark(lake, warehouse, table, **stamp)
        yield dg.MaterializeResult(asset_key=table.name, metadata=describe_accepted(accepted))
    forget_batches(lake, as_of(context))
    yield dg.MaterializeResult(asset_key=DATA_QUALITY_ISSUES.name, metadata={"new issues": issues})
    yield dg.MaterializeResult(asset_key=DELETIONS.name)
    yield dg.MaterializeResult(asset_key=SOURCE_WATERMARKS.name)
    yield dg.MaterializeResult(asset_key=INGESTION_COUNTS.name, metadata={"dagster/row_count": rows})


class Dismissal(dg.Config):
    """Which issues are closed without a record (by their ids, or all that are open of a table, a rule or both), and why."""

    issues: list[str] = Field(default=[])
    table: str = ""
    rule: str = ""
    why: str


@table_asset(DISMISSED_ISSUES, group=GROUP, tags=BY_HAND)
def dismissed_issues(
    config: Dismissal,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """By `churn quarantine dismiss`, or from here with the same words."""
    landed = dismiss(lake, warehouse, **config.model_dump(), dismissed_at=clock.now())
    return dg.MaterializeResult(metadata={"issues that were closed": landed.new, "why": config.why})


@table_asset(
    DATA_QUALITY_RESOLUTIONS,
    group=GROUP,
    deps=(DATA_QUALITY_ISSUES.name, "replayed_rows", DISMISSED_ISSUES.name, *(t.name for t in RAW_TABLES)),
)
def data_quality_resolutions(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    """Looked at anew after every run that lands records, and after people dismissed issues."""
    closed = write_resolutions(lake, warehouse, resolved_at=clock.now(), run_id=context.run.run_id)
    return dg.MaterializeResult(metadata={"issues that were mended or dismissed": closed})


@dg.asset_check(
    asset=REPAIRED_ROWS.name,
    name=FIT_AGAIN,
    blocking=True,
    description="The repaired rows can be read and have the columns they need. What is still wrong with single rows sends these "
    "back to quarantine and stops none of the others.",
)
def repaired_rows_fit(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Judge a replay as a whole, before anything of it is used."""
    verdicts = check_replay(lake, as_of=as_of(context))
    return finding(FIT_AGAIN, passed=all(v.passed for v in verdicts), words=say_batches(verdicts))


@dg.asset(
    partitions_def=DAYS,
    group_name=GROUP,
    tags=BY_HAND,
    deps=[REPAIRED_ROWS.name],
    kinds={"duckdb", "parquet"},
    owners=[OWNER],
    description="Repaired rows of the quarantine, taken in again: good ones land, the others are issues again.",
)
@measured
def replayed_rows(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """By the same rules, counts and row law as any other row."""
    stamp: dict[str, Any] = {"as_of": as_of(context), "read_at": clock.now(), "run_id": context.run.run_id}
    accepted = take_back(lake, **stamp, mapped=mapped_tables(settings.mapping))
    for table in accepted:
        warehouse.append(DATA_QUALITY_ISSUES, table.issues)
        warehouse.append(INGESTION_COUNTS, table.counts)
    return dg.MaterializeResult(metadata=describe_replayed(accepted))

"""A source, described before anything is done with it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import opened
from churn_pipeline.capabilities.ingestion.description import (
    SourceDescription,
    TableDescription,
    beside,
    describe_source,
)
from churn_pipeline.capabilities.validation.batch import check_batch
from churn_pipeline.contracts.features.catalogue import falling_away
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings


def check(settings: Settings) -> None:
    """Print what the source holds; exit with status 1 where a run on it would stop, with what the run would say."""
    now = datetime.now(UTC)
    with opened(settings) as source, beside(Lake.of(settings)) as lake:
        described = describe_source(lake, source, read_at=now, max_deleted_share=settings.max_deleted_share)
        verdicts = [
            check_batch(lake, table, as_of=midnight(now.date()), max_bad_share=settings.max_bad_share, sample_rows=0)
            for table in RAW_TABLES
        ]
    stopping = [problem for verdict in verdicts for problem in verdict.problems]
    sys.stdout.write("\n".join([*lines(described), *_stopping(stopping)]) + "\n")
    if stopping:
        raise SystemExit(1)


def lines(described: SourceDescription) -> list[str]:
    """What was found, what is missing, which features fall away."""
    found = [line for table in described.tables for line in _table(table)]
    lost = falling_away(present(described))
    by_need: dict[str, list[str]] = {}
    for feature in lost:
        by_need.setdefault(", ".join(feature.needs), []).append(feature.name)
    away = [f"  without {needs}: {', '.join(names)}" for needs, names in by_need.items()]
    return [
        *found,
        *([f"not used: {', '.join(described.unused)}"] if described.unused else []),
        *(["features that fall away:", *away] if away else ["every feature can be computed"]),
        *(["problems:", *map(_indented, described.problems)] if described.problems else ["no problems"]),
    ]


def _stopping(problems: list[str]) -> list[str]:
    return ["a run would stop here:", *map(_indented, problems)] if problems else []


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")


def present(described: SourceDescription) -> set[str]:
    """The columns that the source has, as `table.column`."""
    return {
        f"{table.name}.{column}"
        for table, found in zip(RAW_TABLES, described.tables, strict=True)
        for column in table.names
        if found.files and column not in (*found.absent, *found.missing)
    }


def _table(table: TableDescription) -> list[str]:
    if not table.files:
        return [f"{table.table}: not found ({table.presence.value.replace('_', ' ')})"]
    span = f", known {table.first:%Y-%m-%d} to {table.last:%Y-%m-%d}" if table.first and table.last else ""
    files = ", ".join(file.file for file in table.files)
    rows = f"{table.rows:,} rows, {table.good:,} good" + (
        f", {table.duplicates:,} exact copies" if table.duplicates else ""
    )
    return [f"{table.table}: {rows}{span} ({files})"]

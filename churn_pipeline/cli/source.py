"""A source, described before anything is done with it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import opened
from churn_pipeline.capabilities.ingestion.description import SourceDescription, TableDescription, describe_source
from churn_pipeline.contracts.features.catalogue import falling_away
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Presence
from churn_pipeline.settings import Settings


def check(settings: Settings) -> None:
    """Print what the source holds; exit with status 1 where a run on it would stop."""
    lake = Lake.of(settings)
    # nothing is written, so what does not fit into memory may not spill into the data directory either
    looking = replace(lake, engine=replace(lake.engine, spill=Path(gettempdir()) / "churn-source-check"))
    with opened(settings) as source:
        described = describe_source(looking, source, read_at=datetime.now(UTC))
    sys.stdout.write("\n".join(lines(described)) + "\n")
    if any(stops(table, max_bad_share=settings.max_bad_share) for table in described.tables):
        raise SystemExit(1)


def stops(table: TableDescription, *, max_bad_share: float) -> bool:
    """Whether a run on the source would stop at this table."""
    required = table.presence is Presence.REQUIRED
    if not table.files:
        return required
    damaged = any(file.problem for file in table.files)
    too_bad = sum(table.broken.values()) > max_bad_share * table.rows
    return bool(table.missing) or damaged or too_bad or (required and not table.rows)


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
        *(
            ["problems:", *(f"  {problem}" for problem in described.problems)]
            if described.problems
            else ["no problems"]
        ),
    ]


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

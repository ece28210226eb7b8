"""Batches for tests: a small clean source, dirt to plant in it, and the way from files to the lake."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn_pipeline.adapters.engine import Engine
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.validation.acceptance import Accepted, accept
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
READ_AT = datetime(2024, 6, 2, 12, tzinfo=UTC)

Row = Mapping[str, Any]


def trial(number: int, **other: Any) -> dict[str, Any]:
    """A good trial."""
    return {
        "trial_id": f"t{number}",
        "account_id": f"a{number}",
        "started_at": f"2024-05-{number % 20 + 1:02d}T08:00:00Z",
        "trial_days": 14,
        "country": "DE",
        "company_size": 10 + number,
    } | other


def event(number: int, **other: Any) -> dict[str, Any]:
    """A good event of trial `t<number>`, two hours after its start, received a minute later."""
    return {
        "event_id": f"e{number}",
        "trial_id": f"t{number}",
        "occurred_at": f"2024-05-{number % 20 + 1:02d}T10:00:00Z",
        "received_at": f"2024-05-{number % 20 + 1:02d}T10:01:00Z",
        "event_name": "login",
        "feature": "",
        "value": 1.5,
        "properties": json.dumps({"n": number}),
    } | other


def subscription(number: int, **other: Any) -> dict[str, Any]:
    """A good subscription of trial `t<number>`."""
    return {
        "subscription_id": f"s{number}",
        "trial_id": f"t{number}",
        "started_at": "2024-05-25T00:00:00Z",
        "mrr": "49.90",
        "currency": "EUR",
        "cancelled_at": "",
        "updated_at": "",
    } | other


def write_csv(path: Path, rows: Iterable[Row], columns: Iterable[str] | None = None) -> Path:
    """Write rows as CSV, with the columns of the first row unless named."""
    listed = list(rows)
    names = list(columns or listed[0])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    return path


def clean_source(folder: Path, trials: int = 40) -> Source:
    """A source in the contract with a trial, an event and, for every fourth, a subscription."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "trials.csv", [trial(n) for n in range(trials)])
    write_csv(folder / "events.csv", [event(n) for n in range(trials)])
    write_csv(folder / "subscriptions.csv", [subscription(n) for n in range(0, trials, 4)])
    return Source(folder)


def empty_lake(folder: Path) -> Lake:
    """A lake in a folder, nothing landed."""
    return Lake(folder / "lake", Engine("512MB", 1, folder / "spill"))


def stage(
    lake: Lake,
    source: Source,
    tables: Iterable[Table] = RAW_TABLES,
    *,
    as_of: datetime = AS_OF,
    read_at: datetime = READ_AT,
) -> None:
    """Stage the tables of a source."""
    for table in tables:
        stage_table(lake, source, table, as_of=as_of, read_at=read_at)


def take_in(
    lake: Lake,
    source: Source,
    tables: Iterable[Table] = RAW_TABLES,
    *,
    as_of: datetime = AS_OF,
    read_at: datetime = READ_AT,
) -> dict[str, Accepted]:
    """Stage and accept the tables of a source, by name."""
    listed = tuple(tables)
    stage(lake, source, listed, as_of=as_of, read_at=read_at)
    return {t.name: accept(lake, t, as_of=as_of, read_at=read_at, run_id="run-1") for t in listed}


def staged_rows(lake: Lake, table: Table) -> list[dict[str, Any]]:
    """The staged rows of a table, in the order of reading."""
    rows: list[dict[str, Any]] = lake.read(f"staged_{table.name}", AS_OF).to_pylist()
    return sorted(rows, key=lambda row: int(row["_row"]))

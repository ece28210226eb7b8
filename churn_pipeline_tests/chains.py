"""The whole chain, run in process on a small demo business: what flow tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.world import World, simulate
from churn_pipeline.capabilities.simulation.write import write
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES
from churn_pipeline.core.clock import midnight
from churn_pipeline.definitions import build
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.copies import begin

UNTIL = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "demo_trials": 450,
    "demo_from": date(2026, 7, 4),
    "demo_days": 120,
    # with so low a bar the whole ensemble is fitted on so few trials
    "few_conversions": 30,
    # tests that spoil a source count what they spoilt
    "demo_again_share": 0,
    "tuning_trials": 1,
    "tuning_rows": 3_000,
    "gate_resamples": 500,
    # what chance does is drawn the oftener, the rarer a false alarm may be
    "drift_false_alarm": 0.1,
    # tests run side by side
    "threads": 1,
    # what is drawn is looked at where it is made, and in the browser
    "reports": False,
}
PER_RUN = {"run_id", "scored_at", "decided_at", "found_at", "read_at", "happened_at", "resolved_at"}
"""Columns that say which run wrote a row and when: all that a second run may change."""


class FixedClock(Clock):
    """A clock that stands still."""

    def now(self) -> datetime:
        """Always the same moment."""
        return NOW


def small(data_dir: Path, database: str, **other: Any) -> Settings:
    """Settings of a small business."""
    return Settings(data_dir=data_dir, postgres_url=database, **{**SMALL, **other})


def as_settings(variables: Mapping[str, str]) -> dict[str, Any]:
    """Settings by their names, of the variables of an environment that set them."""
    return {name.removeprefix("CHURN_").lower(): word for name, word in variables.items()}


def run(
    settings: Settings,
    job: str = "everything",
    day: date = UNTIL,
    *,
    only: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job as of a day, or `only` some of its assets; the result says whether it was green.

    Without an `instance` Dagster forgets the run.
    """
    if settings.postgres_url is not None:
        begin(settings.postgres_url.get_secret_value())
    warehouse = Warehouse.of(settings)
    warehouse.create()
    definitions = build(settings, warehouse=warehouse, clock=FixedClock())
    with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as recording:
        return definitions.resolve_job_def(job).execute_in_process(
            partition_key=day.isoformat(),
            asset_selection=None if only is None else [dg.AssetKey(name) for name in only],
            instance=recording,
            raise_on_error=False,
        )


@contextmanager
def dagster_instance(environment: Mapping[str, str]) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, as a process with that environment has it."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with dg.DagsterInstance.from_config(str(PROJECT)) as instance:
            yield instance
    finally:
        os.environ.clear()
        os.environ.update(before)


def tables(settings: Settings, *, without: frozenset[str] = frozenset(PER_RUN)) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that people read, in the order of its key, without the columns `without`."""
    warehouse = Warehouse.of(settings)
    found = {}
    for table in ANALYTICS_TABLES:
        kept = [name for name in table.names if name not in without]
        order = [name for name in table.key if name in kept] or kept
        rows: pa.Table = warehouse.read(f"select {', '.join(kept)} from {table.name} order by {', '.join(order)}")
        found[table.name] = rows.to_pylist()
    return found


def world(settings: Settings, until: date = UNTIL) -> World:
    """The demo business of the settings, as it stands at the midnight of a day."""
    return simulate(Parameters.of(settings.model_copy(update={"demo_until": until})))


def write_source(of: World, folder: Path) -> Path:
    """Write a world as the files of a source; gives the folder."""
    write(of, {}, folder=folder, truth=folder.with_name(folder.name + "-truth.parquet"))
    return folder


def as_of(day: date, days: int = 0) -> datetime:
    """Midnight of a day, so many days later."""
    return midnight(day) + timedelta(days=days)

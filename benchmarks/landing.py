"""From landing to scores at size: `churn run --source` on a folder of files, and what each of its steps took.

    python benchmarks/landing.py                        # 26,000 trials, about a million events
    python benchmarks/landing.py 2600000 --memory 2GB   # about 100M events

The folder holds the tables of simulated businesses of up to 260,000 trials each, which differ in their seed; they are made one
after the other, before the clock starts. Prints wall seconds and the largest resident memory (of this process: not the database
server's) of every step. All of it lies in --data and is kept: a second call is the second run of the day.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.cli.environment import prepare

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

TRIALS_A_BUCKET = 325_000
TRIALS_A_WORLD = 260_000
"""As many as are simulated in about 3.5 GB."""
SHARED = ("experiment_id",)
"""Ids that mean the same in every business."""


def make(folder: Path, trials: int) -> None:
    """Fill the folder with the tables of as many businesses as it takes."""
    if (folder / "made").exists():
        return
    worlds = -(-trials // TRIALS_A_WORLD)
    # a process each, whose memory goes back when it ends
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for number in range(worlds):
            pool.submit(_add_world, folder, number, trials // worlds).result()
    (folder / "made").touch()


def _add_world(folder: Path, number: int, trials: int) -> None:
    import duckdb

    from churn_pipeline.capabilities.simulation.parameters import Parameters
    from churn_pipeline.capabilities.simulation.write import provide
    from churn_pipeline.settings import Settings

    asked = Settings()
    parameters = replace(Parameters.of(asked), trials=trials, seed=asked.seed + number, again_share=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        provide(parameters, folder=Path(beside) / "tables", truth=Path(beside) / "truth" / "truth.parquet")
        for table in sorted(Path(beside, "tables").glob("*.parquet")):
            rows = duckdb.read_parquet(str(table))
            ids = [c for c in rows.columns if c.endswith("_id") and c not in SHARED]
            if ids or not number:  # of what belongs to no business one copy will do
                renamed = ", ".join(f"'{number}-' || {c} as {c}" for c in ids)
                select = f"* replace ({renamed})" if ids else "*"
                rows.project(select).write_parquet(str(folder / f"{table.stem}-{number}.parquet"), compression="zstd")


def run(data: Path, source: Path, buckets: int, memory: str) -> tuple[float, float]:
    """Run everything in a process of its own; gives wall and processor seconds.

    Raises:
        CalledProcessError: the run was red.
    """
    os.environ |= {"CHURN_DATA_DIR": str(data), "CHURN_LAKE_BUCKETS": str(buckets), "CHURN_DUCKDB_MEMORY": memory}
    prepare(source=str(source), mapping=None)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([Path(sys.executable).parent / "churn", "run", "--source", source], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def steps(instance: DagsterInstance, run: DagsterRun) -> list[tuple[str, float, float | None]]:
    """Name, wall seconds and peak memory (GB; none where nothing was materialized) of each step, in the order they began."""
    from dagster import DagsterEventType

    peaks: dict[str, float] = {}
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.get_dagster_event()
        told = event.step_materialization_data.materialization.metadata.get("peak_rss_mb")
        if told is not None:
            step = str(event.step_key)
            peaks[step] = max(peaks.get(step, 0.0), float(str(told.value)) / 1000)
    took = [s for s in instance.get_run_step_stats(run.run_id) if s.start_time and s.end_time]
    took.sort(key=lambda s: s.start_time or 0)
    return [(s.step_key, (s.end_time or 0) - (s.start_time or 0), peaks.get(s.step_key)) for s in took]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="?", type=int, default=26_000)
    parser.add_argument("--buckets", type=int, help=f"default: one for every {TRIALS_A_BUCKET:,} trials")
    parser.add_argument("--memory", default="2GB", help="limit of DuckDB")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "churn-landing")
    arguments = parser.parse_args()
    buckets = arguments.buckets or -(-arguments.trials // TRIALS_A_BUCKET)
    data = arguments.data / f"{arguments.trials}-{buckets}"
    source = arguments.data / "sources" / f"trials_{arguments.trials}"
    make(source, arguments.trials)
    wall, cpu = run(data, source, buckets, arguments.memory)

    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        (newest,) = instance.get_runs(limit=1)
        told = steps(instance, newest)
    print(f"{arguments.trials:,} trials, DuckDB within {arguments.memory}: {wall:,.0f} s, {cpu:,.0f} processor s")
    print(f"{'step':<44}{'wall s':>8}{'peak GB':>9}")
    for step, seconds, peak in told:
        print(f"{step:<44}{seconds:>8.1f}{'' if peak is None else f'{peak:>9.2f}'}")


if __name__ == "__main__":
    main()

"""From landing to scores at size: the whole run on the simulated business, and what each of its steps took.

    python benchmarks/landing.py                      # 26,000 trials, about a million events
    python benchmarks/landing.py 260000 --memory 2GB  # about 10M events

Prints wall seconds and the largest resident memory (of this process: not the database server's) of every step. The run
is `churn run`, in a data directory of its own (--data), which is kept: a second call in it is the second run of the day.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.cli.environment import prepare

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

TRIALS_A_BUCKET = 325_000


def run(data: Path, trials: int, buckets: int, memory: str) -> tuple[float, float]:
    """Run everything in a process of its own; gives wall and processor seconds.

    Raises:
        CalledProcessError: the run was red.
    """
    os.environ |= {
        "CHURN_DATA_DIR": str(data),
        "CHURN_DEMO_TRIALS": str(trials),
        "CHURN_LAKE_BUCKETS": str(buckets),
        "CHURN_DUCKDB_MEMORY": memory,
    }
    prepare(source=None, mapping=None)
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "churn", "run"], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


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
    wall, cpu = run(data, arguments.trials, buckets, arguments.memory)

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

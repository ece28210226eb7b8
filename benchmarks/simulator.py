"""How fast worlds are made: events a second on one core, Arrow tables included, files apart, and days driven one by one.

    python benchmarks/simulator.py                 # 24,000 trials (the demo) and ten times as many
    python benchmarks/simulator.py --trials 24000 --repeats 9

Seconds are those of the processor, the best of the repeats; the process keeps itself to one core where that can be done.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from churn_pipeline.capabilities.simulation.business import draw_business
from churn_pipeline.capabilities.simulation.live import LiveWorld
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.world import World, simulate
from churn_pipeline.capabilities.simulation.write import write
from churn_pipeline.settings import Settings

STEPS = 14


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the work, the best of the repeats."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def rows(world: World) -> int:
    """Rows of all raw tables."""
    return sum(table.num_rows for table in world.raw.values())


def measure(trials: int, repeats: int) -> None:
    """Print a line for each way to make the world of so many trials."""
    usual = replace(Parameters.of(Settings()), trials=trials)
    ways = {
        "as the demo": usual,
        "no touches, no dirt": replace(usual, touches=False, again_share=0.0),
        "order of steps": replace(usual, outcome="order_of_steps"),
    }
    for name, parameters in ways.items():
        world = simulate(parameters)  # what is loaded at first is loaded now
        took = seconds(lambda parameters=parameters: simulate(parameters), repeats)
        events = world.events.num_rows
        print(
            f"{trials:>9,} trials, {name:<20} {events:>10,} events {took:>7.2f} s {events / took / 1e6:>6.2f} M events/s"
        )
    drawn = seconds(lambda: draw_business(usual), repeats)
    print(f"{'':>17} of which drawing, without tables {drawn:>18.2f} s")
    world = simulate(usual)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        took = seconds(lambda: write(world, {}, folder=home / "source", truth=home / "truth.parquet"), 1)
    print(f"{'':>17} writing {rows(world):,} rows as files {took:>16.2f} s")
    live = LiveWorld(usual, today=date(2026, 9, 1))
    took = seconds(live.step, STEPS)
    print(f"{'':>17} a day by LiveWorld.step {took:>27.3f} s")


def main() -> None:
    """Measure the sizes that were asked for."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trials", type=int, nargs="*", default=[24_000, 240_000])
    arguments.add_argument("--repeats", type=int, default=5)
    chosen = arguments.parse_args()
    pa.set_cpu_count(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for trials in chosen.trials:
        measure(trials, chosen.repeats)


if __name__ == "__main__":
    main()

"""What scoring a day costs as the running trials grow: wall and processor seconds, and the largest resident memory, of each step.

    python benchmarks/scoring.py [ROWS ...] [--features 100] [--model logistic|blend]     # 10,000, 100,000 and 1,000,000 trials

The rows are made up (`training.past`), one snapshot a trial. The model is trained on 10,000 of them: the logistic regression alone, or a blend, whose reasons
take far longer. Each size is scored in a process of its own by the functions that the assets `scores` and `actions` call, on a day that has scores of the day
before, into an embedded PostgreSQL (another process, which is not measured). Memory is the resident set at its largest, and of it what is the process's own: the rest is
code, and pages of files that the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

from training import BEGIN, past

from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import promote
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.day import score_day, write_day
from churn_pipeline.capabilities.scoring.plan import PLANNED_FROM, plan_actions
from churn_pipeline.capabilities.scoring.report import describe_actions, describe_day
from churn_pipeline.capabilities.scoring.score import Stamp
from churn_pipeline.capabilities.training.fitting import fit
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.capabilities.training.train import logged
from churn_pipeline.contracts.analytics import ACTIONS
from churn_pipeline.contracts.lake import SNAPSHOTS
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.settings import Settings

SIZES = (10_000, 100_000, 1_000_000)
LEARNT_FROM = 10_000
DAY = BEGIN + timedelta(days=3_000)


def business(folder: Path, model: str, features: int) -> Settings:
    """An empty business whose champion is of that kind."""
    settings = Settings(data_dir=folder, few_conversions=10**9 if model == "logistic" else 1, tuning_trials=8)
    catalogue = [ModelFeature(name, "number", read_from=name) for name in names(features)]
    fitted = fit(
        past(LEARNT_FROM, features), catalogue=catalogue, recipe=Recipe.of(settings), studies=Studies.of(settings),
        as_of=DAY - timedelta(days=30), code="benchmark", business=settings.business, threads=settings.threads,
    )  # fmt: skip
    models, warehouse = ModelStore.of(settings), Warehouse.of(settings)
    warehouse.create()
    promote(
        models.log(logged(fitted, draw=False, noun="trials")).version, warehouse=warehouse, models=models, from_as_of=DAY - timedelta(days=9),
        by="person", verdict="a benchmark", decided_at=DAY, run_id="benchmark",
    )  # fmt: skip
    return settings


def names(features: int) -> list[str]:
    """The names of the features of `training.past`."""
    return [f"f{number:03}" for number in range(features)]


def look(settings: Settings, rows: int, features: int) -> None:
    """Snapshots of so many running trials on the day, and on the day before."""
    lake = Lake.of(settings)
    frame = past(5 * rows, features).iloc[::5] if rows < LEARNT_FROM else past(rows, features)
    frame = frame.assign(trial_id=[f"t{number:08}" for number in range(len(frame))])
    columns = ", ".join(names(features))
    for day in (DAY - timedelta(days=1), DAY):
        with lake.engine.connection() as connection:
            connection.register("made", frame)
            lake.write(
                connection, SNAPSHOTS.name, day,
                f"select trial_id, 'a' || trial_id as account_id, timestamptz '{day.isoformat()}' as as_of, started_at, "
                f"trial_day::double as trial_day, 'all' as sector, {columns} from made",
            )  # fmt: skip


@contextmanager
def own_memory() -> Iterator[Callable[[], float]]:
    """The largest memory that was the process's own while this is open, in gigabytes; looked at 50 times a second."""
    over, seen = Event(), [0]

    def watch() -> None:
        while not over.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            told = next(line for line in lines if line.startswith("RssAnon"))
            seen[0] = max(seen[0], int(told.split()[1]))

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: seen[0] / 1e6
    finally:
        over.set()
        thread.join()


def scores(settings: Settings, day: timedelta = timedelta()) -> None:
    """What the asset `scores` does."""
    lake, warehouse, models = Lake.of(settings), Warehouse.of(settings), ModelStore.of(settings)
    stamp = Stamp("benchmark", DAY, "f1")
    found = score_day(lake, warehouse, models, as_of=DAY - day, settings=settings, stamp=stamp)
    write_day(found, warehouse, as_of=DAY - day)
    describe_day(found, settings)


def actions(settings: Settings) -> None:
    """What the asset `actions` does."""
    warehouse = Warehouse.of(settings)
    planned = plan_actions(warehouse.read(PLANNED_FROM, [DAY]))
    warehouse.replace(ACTIONS, planned, where={"as_of": DAY})
    describe_actions(planned)


def measure(step: Callable[[Settings], None], settings: Settings) -> tuple[float, float, float, float]:
    """Wall seconds, processor seconds, and gigabytes at the peak: resident, and its own."""
    wall, processor = time.perf_counter(), time.process_time()
    with own_memory() as own:
        step(settings)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        return wall, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, own()


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--model", choices=("logistic", "blend"), default="logistic")
    arguments = parser.parse_args()
    head = "| trials | step | s | processor s | GB at the peak | of it its own |\n|---|---|---|---|---|---|\n"
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        settings = pool.submit(business, Path(folder), arguments.model, arguments.features).result()
        try:
            sys.stdout.write(head)
            for rows in arguments.rows:
                pool.submit(look, settings, rows, arguments.features).result()
                pool.submit(scores, settings, timedelta(days=1)).result()
                for step in (scores, actions):
                    wall, processor, peak, own = pool.submit(measure, step, settings).result()
                    told = f"{wall:.0f} | {processor:.0f} | {peak:.2f} | {own:.2f}"
                    sys.stdout.write(f"| {rows:,} | {step.__name__} | {told} |\n")
                    sys.stdout.flush()
        finally:
            stop_server(settings.data_dir)


if __name__ == "__main__":
    main()

"""What training costs as the past grows: wall and processor seconds, and the largest resident memory, of one fit.

    python benchmarks/training.py [ROWS ...] [--features 100]     # 10,000, 100,000 and 1,000,000 snapshots

The rows are made up: five snapshots a trial, a tenth of the features tells something, a tenth of the values is null. Each size is fitted in a process of its own by the
function that the `challenger` asset calls, with the settings as they are (`training_rows`, which bounds a run, does not apply here). The exponent is
the slope of log seconds over log rows between the first and the last size.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

SIZES = (10_000, 100_000, 1_000_000)
LOOKS = 5
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def past(rows: int, features: int, seed: int = 7) -> pd.DataFrame:
    """So many snapshots with numeric features f000, f001, ... of which every tenth tells something."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    trials = rows // LOOKS
    intent = rng.normal(size=trials)
    converted = rng.random(trials) < 1 / (1 + np.exp(1 - intent))
    of = np.repeat(np.arange(trials), LOOKS)
    told = {}
    for number in range(features):
        values = rng.normal(size=len(of)) + (intent[of] if number % 10 == 0 else 0.0)
        values[rng.random(len(of)) < 0.1] = np.nan
        told[f"f{number:03}"] = values
    day = np.tile([1, 3, 7, 10, 14], trials)
    started = pd.Timestamp(BEGIN) + pd.to_timedelta(of // 50, unit="h")
    keys = {
        "trial_id": pd.Series(of).map("t{:07}".format),
        "started_at": started,
        "as_of": started.normalize() + pd.to_timedelta(day, unit="D"),
        "trial_day": day,
        "converted": converted[of],
    }
    return pd.DataFrame(keys | told)


def measure(rows: int, features: int, folder: Path) -> tuple[float, float, float, float, str]:
    """Wall seconds, processor seconds, gigabytes before the fit and at the peak, and what was chosen."""
    from churn_pipeline.adapters.studies import Studies
    from churn_pipeline.capabilities.training.fitting import fit
    from churn_pipeline.capabilities.training.recipe import Recipe
    from churn_pipeline.core.schema import ModelFeature
    from churn_pipeline.settings import Settings

    settings = Settings()
    frame = past(rows, features)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    wall, processor = time.perf_counter(), time.process_time()
    fitted = fit(
        frame,
        catalogue=[ModelFeature(f"f{number:03}", "number") for number in range(features)],
        recipe=Recipe.of(settings),
        studies=Studies(f"sqlite:///{folder}/studies.db"),
        as_of=BEGIN + timedelta(days=3_000),
        code="benchmark",
        business=f"benchmark {rows}",
        threads=settings.threads,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    auc = fitted.tested.overall.auc
    told = f"{fitted.facts['chosen']}, AUC {auc.mid:.3f}" if auc else fitted.facts["chosen"]
    return time.perf_counter() - wall, time.process_time() - processor, before, peak, told


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--features", type=int, default=100)
    arguments = parser.parse_args()
    sys.stdout.write(
        "| snapshots | s | processor s | GB before | GB at the peak | chosen |\n|---|---|---|---|---|---|\n"
    )
    found = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        for rows in arguments.rows:
            wall, processor, before, peak, told = pool.submit(measure, rows, arguments.features, Path(folder)).result()
            found.append((rows, processor))
            sys.stdout.write(f"| {rows:,} | {wall:.0f} | {processor:.0f} | {before:.2f} | {peak:.2f} | {told} |\n")
            sys.stdout.flush()
    if len(found) > 1:
        (few, fast), (many, slow) = found[0], found[-1]
        sys.stdout.write(
            f"exponent of processor seconds, {few:,} to {many:,}: {math.log(slow / fast) / math.log(many / few):.2f}\n"
        )


if __name__ == "__main__":
    main()

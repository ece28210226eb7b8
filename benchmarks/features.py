"""Features at scale: wall, processor and memory of each way, side by side in one run, and whether the values agree.

    python benchmarks/features.py                              # 1M events: ours, the obvious SQL, Polars, pandas
    python benchmarks/features.py 1e6 1e7 --ways floor ours obvious polars
    python benchmarks/features.py 1e6 1e8 --ways floor ours tight full again week day --memory 3GB --data /tmp/churn-features

Ways: `floor` reads the columns and counts; `ours` is the reference set through the project's own query, and `tight` the same
within 2 GB; `obvious`, `polars` and `pandas` (up to 1M) are the same set by other means. `full` is every registered feature at
all landmarks, kept in parts; `again` is the same once more, on the same records, and `week` as of a day in the past, where the
week under way has to be computed (both need `full` before them). `day` is every registered feature of the trials that run
on one day, as the daily job scores them; `ours_day` the reference set of them.

Each way runs in a process of its own. Events (150 a trial, 3 % late by up to two days) are written once, as a lake, into
--data, in a bucket of trials for every 12.5M. Polars: `uv pip install --group benchmark`; its hours may differ from ours
in the last bit, since it divides by a constant through multiplication.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.engine import Engine, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.landmarks import write_landmark_snapshots
from churn_pipeline.capabilities.features.snapshots import READ, write_running_snapshots, write_snapshots
from churn_pipeline.contracts.raw import EVENTS, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import landmark_looks, running_looks
from churn_pipeline.core.featurize.query import snapshots_query

sys.path.insert(0, str(Path(__file__).parent))
from feature_sets import LANDMARKS, OBVIOUS, REFERENCE, pandas_way, polars_way

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

END = datetime(2026, 9, 1, tzinfo=UTC)
"""After the last event; looks at running trials are as of `ONE_DAY`."""
ONE_DAY = datetime(2026, 5, 1, tzinfo=UTC)
OURS = partial(snapshots_query, features=REFERENCE, named=())
REPEATS = {"pandas": 1, "obvious": 1}
EVENTS_IN_A_BUCKET = 12_500_000
LARGEST = {"pandas": 1e6, "obvious": 1e7, "polars": 1e7}
"""Most events at which a way is tried: beyond, memory or patience end."""


# ---- the events


def make(lake: Lake, events: int) -> None:
    """Write trials and events as the lake holds them: by the day known and by bucket of trials."""
    if (lake.root / "raw" / "made").exists():
        return
    shutil.rmtree(lake.root, ignore_errors=True)
    trials, chunks = events // 150, max(1, events // 10_000_000)
    with lake.engine.connection() as connection:
        connection.execute("create macro draw(a, b) as cast(hash(a, b) >> 1 as bigint)")
        connection.execute("create macro draw3(a, b, c) as cast(hash(a, b, c) >> 1 as bigint)")
        connection.execute(
            f"create table business as select 'tr_' || lpad(to_hex(draw(i, 1) >> 12), 13, '0') as trial_id, 'ac_' || i as account_id, "
            "timestamptz '2026-01-01 00:00:00+00' + to_microseconds(cast(draw(i, 2) % 1000000 / 1e6 * 150 * 86400e6 as bigint)) as started_at, "
            "cast([14, 14, 14, 21, 30][1 + draw(i, 3) % 5] as bigint) as trial_days, "
            "['free', 'team', 'pro'][1 + draw(i, 4) % 3] as plan, ['fin', 'edu', 'med', 'tech', 'retail'][1 + draw(i, 5) % 5] as sector, "
            f"greatest(8, cast(-ln((draw(i, 6) % 1000000 + 1) / 1e6) * 150 as integer)) as n, i from range({trials}) t(i)"
        )
        _land(lake, connection, TRIALS, ["select *, started_at as known_at from business"])
        _land(lake, connection, EVENTS, [_events(chunk, chunks) for chunk in range(chunks)])
    (lake.root / "raw" / "made").touch()
    (lake.root / "raw" / "buckets").write_text(str(lake.buckets))


def _events(chunk: int, chunks: int) -> str:
    return f"""
    with e as (select trial_id, started_at, trial_days, i, unnest(range(n)) as e from business where i % {chunks} = {chunk}),
    f as (select *, e // 8 as s, draw(i, e) as h from e),
    g as (select *, started_at + to_microseconds(cast(pow((draw3(i, s, 7) % 1000000) / 1e6, 1.5) * trial_days * 86400e6 as bigint)
      + (e % 8) * 90000000 + cast(h % 60000000 as bigint)) as occurred_at from f),
    r as (select *, occurred_at + to_microseconds(case when (h >> 20) % 100 < 3 then cast((h >> 30) % 172800000000 as bigint)
      else cast((h >> 30) % 5000000 as bigint) end) as received_at from g)
    select 'ev_' || i || '_' || e as event_id, trial_id, 'us_' || lpad(to_hex(draw(i, draw(i, s) % (1 + i % 5)) >> 12), 13, '0') as user_id,
      'se_' || lpad(to_hex(draw(i, s) >> 12), 13, '0') as session_id, occurred_at, received_at,
      'event_' || lpad(cast(cast(pow(((h >> 5) % 1000000) / 1e6, 2) * 20 as integer) % 20 as varchar), 2, '0') as event_name,
      case when (h >> 40) % 10 < 7
        then 'feature_' || lpad(cast(cast(pow(((h >> 9) % 1000000) / 1e6, 1.7) * 30 as integer) % 30 as varchar), 2, '0') end as feature,
      ((h >> 13) % 10000) / 100.0 as value, received_at as known_at
    from r"""


def _land(lake: Lake, connection: Connection, table: Table, chunks: list[str]) -> None:
    """Write rows in the layout of the lake, in chunks of trials, so that no sort has to hold them all."""
    folder, beside = lake.root / "raw" / table.name, lake.root / "chunks"
    beside.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(chunks):
        given = connection.execute(f"describe {rows}").fetchall()
        present = {name for name, *_ in given}
        columns = ", ".join(name if name in present else f"null as {name}" for name in table.names)
        connection.execute(
            f"copy (select {columns}, known_at, cast(known_at as date) as day, "
            f"cast(md5_number_lower(trial_id) % {lake.buckets} as bigint) as bucket from ({rows})) to {quoted(beside)} "
            f"(format parquet, compression zstd, partition_by (day), overwrite_or_ignore, filename_pattern 'c{number}_{{i}}')"
        )
    for day in sorted(beside.iterdir()):
        (folder / day.name).mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"copy (select * exclude (known_at) from read_parquet({quoted(day / '*.parquet')}, hive_partitioning = false) "
            f"order by bucket, known_at) to {quoted(folder / day.name)} "
            "(format parquet, compression zstd, partition_by (bucket), overwrite_or_ignore)"
        )
        for written in (folder / day.name).glob("bucket=*"):
            (part,) = written.iterdir()
            part.rename(written / "part.parquet")
        shutil.rmtree(day)
    shutil.rmtree(beside)


# ---- the ways


def reference(lake: Lake, out: Path) -> None:
    """The reference set through the project's own query, bucket by bucket."""
    write_snapshots(lake, out.stem, END, landmark_looks(LANDMARKS, sql_instant(END)), OURS)
    shutil.move(lake.file(out.stem, END), out)


def tight(lake: Lake, out: Path) -> None:
    """The same within 2 GB."""
    reference(replace(lake, engine=replace(lake.engine, memory="2GB")), out)


def full(lake: Lake, out: Path) -> None:
    """Every registered feature, at the landmarks, none of them kept from before."""
    shutil.rmtree(lake.root / "landmark_snapshots", ignore_errors=True)
    again(lake, out)


def again(lake: Lake, out: Path) -> None:
    """The same, with whatever is kept."""
    out.write_text(str(write_landmark_snapshots(lake, END, LANDMARKS)))


def week(lake: Lake, out: Path) -> None:
    """The same as of a day in the past: the weeks before it are kept, the week it lies in is computed."""
    (lake.root / "landmark_snapshots" / f"{ONE_DAY:%Y-%m-%d}.parts").unlink(missing_ok=True)
    lake.parts("landmark_snapshots").sweep()
    out.write_text(str(write_landmark_snapshots(lake, ONE_DAY, LANDMARKS)))


def day(lake: Lake, out: Path) -> None:
    """Every registered feature of the trials that run on one day."""
    write_running_snapshots(lake, ONE_DAY)
    shutil.move(lake.file("snapshots", ONE_DAY), out)


def ours_day(lake: Lake, out: Path) -> None:
    """The reference set of the trials that run on one day."""
    write_snapshots(lake, out.stem, ONE_DAY, running_looks(sql_instant(ONE_DAY)), OURS)
    shutil.move(lake.file(out.stem, ONE_DAY), out)


def obvious(lake: Lake, out: Path) -> None:
    """Every event joined to every look at it."""
    _through_sql(lake, f"copy ({OBVIOUS}) to {quoted(out)} (format parquet)")


def floor(lake: Lake, out: Path) -> None:
    """Reading the columns that the reference set needs, once."""
    columns = "trial_id, user_id, session_id, occurred_at, received_at, event_name, feature"
    largest = ", ".join(f"max({column})" for column in columns.split(", "))
    _through_sql(lake, f"copy (select {largest} from events) to {quoted(out)} (format parquet)")


def pandas(lake: Lake, out: Path) -> None:
    """The way of the tutorials."""
    files = sorted(str(file) for file in (lake.root / "raw" / "events").glob("*/*/part.parquet"))
    trials = sorted(str(file) for file in (lake.root / "raw" / "trials").glob("*/*/part.parquet"))
    pandas_way(files, trials, out)


def polars(lake: Lake, out: Path) -> None:
    """Lazy and streaming."""
    raw = lake.root / "raw"
    polars_way(f"{raw}/events/*/*/part.parquet", f"{raw}/trials/*/*/part.parquet", out)


def _through_sql(lake: Lake, query: str) -> None:
    with lake.engine.connection() as connection:
        lake.known(connection, READ, before=END)
        connection.execute(query)


WAYS: dict[str, Callable[[Lake, Path], None]] = {
    "floor": floor, "ours": reference, "tight": tight, "obvious": obvious, "polars": polars, "pandas": pandas,
    "full": full, "again": again, "week": week, "day": day, "ours_day": ours_day,
}  # fmt: skip


# ---- measuring


def measured(way: str, folder: Path, buckets: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Wall and processor seconds and peak memory (GB) of one way in a process of its own; the best of the repeats."""
    command = [sys.executable, __file__, "--one", way, "--data", str(folder), "--buckets", str(buckets)]
    command += ["--memory", arguments.memory, "--threads", str(arguments.threads)]
    runs = []
    for _ in range(REPEATS.get(way, arguments.repeats)):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return {"failed": done.returncode, "because": (done.stderr.strip().splitlines() or ["killed"])[-1]}
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return min(runs, key=lambda run: run["wall"])


def one(way: str, folder: Path, lake: Lake) -> None:
    """Run one way here and print what it took as JSON."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    WAYS[way](lake, folder / f"{way}.parquet")
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": cpu, "rss": after.ru_maxrss / 1e6}))


def differences(folder: Path, way: str) -> str:
    """How many values of the reference set differ, bit for bit, between ours and another way."""
    ours, theirs = folder / "ours.parquet", folder / f"{way}.parquet"
    if not (ours.exists() and theirs.exists()):
        return "not compared"
    import duckdb

    with duckdb.connect() as connection:
        types = {name: kind for name, kind, *_ in connection.execute(f"describe from {quoted(theirs)}").fetchall()}
        shared = [feature.name for feature in REFERENCE if feature.name in types]
        unlike = " + ".join(f"count(*) filter (cast(a.{c} as {types[c]}) is distinct from b.{c})" for c in shared)
        rows, differing = connection.execute(
            f"select count(*), {unlike} from {quoted(ours)} a full join {quoted(theirs)} b using (trial_id, trial_day)"
        ).fetchall()[0]
    return f"{differing:,} of {rows * len(shared):,} values of {len(shared)} features differ from ours"


def table(events: int, results: dict[str, dict[str, float]], folder: Path) -> None:
    """Print a line a way."""
    print(f"\n{events:,} events      wall s   cpu s  rss GB   wall/ours cpu/ours   cpu/floor")
    ours, ground = results.get("ours", {}), results.get("floor", {})
    for way, took in results.items():
        if "failed" in took:
            print(f"  {way:<16} failed: {took['because']}")
            continue
        ratios = [
            f"{took[what] / base[what]:>9.2f}" if what in base else " " * 9
            for what, base in (("wall", ours), ("cpu", ours), ("cpu", ground))
        ]
        print(f"  {way:<16}{took['wall']:>8.2f}{took['cpu']:>8.2f}{took['rss']:>8.2f}  {' '.join(ratios)}")
    for way in ("tight", "obvious", "polars"):
        if way in results and "failed" not in results[way]:
            print(f"  {way}: {differences(folder, way)}")


def growth(sizes: list[int], results: dict[int, dict[str, dict[str, float]]]) -> None:
    """Print the exponent with which each way's processor time grows from the smallest to the largest size."""
    few, many = min(sizes), max(sizes)
    for way in results[few]:
        small, large = results[few].get(way, {}).get("cpu"), results[many].get(way, {}).get("cpu")
        if few < many and small and large:
            print(
                f"{way}: processor time grows with events to the power {math.log(large / small) / math.log(many / few):.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="*", type=float, default=[1e6])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--buckets", type=int, help=f"default: one for every {EVENTS_IN_A_BUCKET:,} events")
    parser.add_argument("--memory", default="12GB")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "churn-benchmark")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    def lake(folder: Path, buckets: int) -> Lake:
        return Lake(folder / "lake", Engine(arguments.memory, arguments.threads, folder / "spill"), buckets)

    if arguments.one:
        one(arguments.one, arguments.data, lake(arguments.data, arguments.buckets))
        return
    results: dict[int, dict[str, dict[str, float]]] = {}
    for events in map(int, arguments.events):
        buckets = arguments.buckets or -(-events // EVENTS_IN_A_BUCKET)
        folder = arguments.data / f"{events}-{buckets}"
        make(lake(folder, buckets), events)
        ways = [way for way in arguments.ways if events <= LARGEST.get(way, math.inf)]
        results[events] = {way: measured(way, folder, buckets, arguments) for way in ways}
        table(events, results[events], folder)
    growth(list(results), results)


if __name__ == "__main__":
    main()

"""Crash-safety: `churn run` is killed with SIGKILL at random moments; what the next run leaves must be as if nothing was.

An undisturbed run in an empty data directory is the reference. Then, in rounds, each in an empty data directory of its
own: a few runs are started and killed (the whole process group) at moments drawn uniformly from the reference's
duration, and one run has to end green with the reference's tables. In the last round the database server is killed
under a run as well. All the while a reader polls `scores` at 20 Hz: it may see no row of a day, or all of it, by one run.

    python benchmarks/crash.py                    # 20 kills in 4 rounds on a small demo business
    python benchmarks/crash.py --large            # the demo business as `make run` has it
    python benchmarks/crash.py --kills 100 --per-round 10 --seed 7

Exit status 0 if all of it held.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from churn_pipeline.adapters.embedded_postgres import Server, stop_server
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.postgres import connect
from churn_pipeline.adapters.postgres_place import Place
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, INGESTION_COUNTS
from churn_pipeline.settings import PROJECT, Settings

SMALL = {
    "CHURN_DEMO_TRIALS": "450",
    "CHURN_DEMO_FROM": "2026-07-01",
    "CHURN_DEMO_DAYS": "120",
    # with so low a bar the whole ensemble is fitted on so few trials
    "CHURN_FEW_CONVERSIONS": "30",
    "CHURN_TUNING_TRIALS": "1",
    # what chance does is drawn the oftener, the rarer a false alarm may be
    "CHURN_DRIFT_FALSE_ALARM": "0.1",
    # so few trials would not convince the gate; a promotion has to be among the things that are killed
    "CHURN_GATE_CONFIDENCE": "0.6",
    "CHURN_GATE_MIN_GAIN": "0",
    "CHURN_GATE_RESAMPLES": "500",
    "CHURN_REPORTS": "false",
    "CHURN_THREADS": "1",
}
"""A business that is run through in little more than the time that the libraries take to load."""
OF_THE_RUN = frozenset({"run_id", "scored_at", "decided_at", "found_at", "read_at", "happened_at", "resolved_at"})
"""Columns that say which run and when; all others have to be the same."""
LAST_COUNTS = """
select * from ingestion_counts
where run_id = (select run_id from ingestion_counts order by read_at desc, run_id limit 1)
"""
HERTZ = 20
PATIENCE_SECONDS = 900

Tables = dict[str, list[tuple[Any, ...]]]


# ---- runs


@dataclass
class Run:
    """A `churn` command in a session of its own, with what it says in a file."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def kill(self) -> None:
        """Kill the whole process group, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self, patience: float = PATIENCE_SECONDS) -> int:
        """Its exit status; a run that does not end in time is killed."""
        try:
            return self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def said(self) -> str:
        """All it wrote to standard error so far."""
        return self.log.read_text(errors="replace")

    def doing(self) -> str:
        """The last step it finished, in a word."""
        steps = [line.split()[2] for line in self.said().splitlines() if line.startswith("  ") and " s  " in line]
        return f"after {steps[-1]}" if steps else "before the first step"

    def finished(self, step: str) -> bool:
        """Whether it has finished that step."""
        return f" s  {step}\n" in self.said()

    def wait_for(self, step: str, patience: float = PATIENCE_SECONDS) -> None:
        """Return as soon as the run has finished that step.

        Raises:
            TimeoutError: it ended, or the patience did.
        """
        until = time.monotonic() + patience
        while not self.finished(step):
            if self.process.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"{step} was not reached: {self.said()}")
            time.sleep(0.02)


def start(data_dir: Path, settings: Mapping[str, str], *arguments: str) -> Run:
    """Start `churn` with these settings and no others."""
    handle, log = tempfile.mkstemp(prefix="run-", suffix=".log", dir=data_dir)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_", "DAGSTER_"))}
    with os.fdopen(handle, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", "from churn_pipeline.cli import main; main()", *(arguments or ("run",))],
            cwd=PROJECT,
            env={**kept, **settings, "CHURN_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
    return Run(process, Path(log), time.monotonic())


def kill_server(data_dir: Path) -> bool:
    """Kill the database server's first process; False if there is none yet."""
    try:
        pid = int((Place(data_dir).cluster / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return False
    return True


# ---- tables


def tables(data_dir: Path) -> Tables:
    """What people read, and who is in the registry, without what differs from run to run."""
    settings = Settings(data_dir=data_dir)
    warehouse = Warehouse.of(settings)
    found = {table.name: _rows(warehouse, f"select * from {table.name}") for table in ANALYTICS_TABLES}
    # counts are kept for each run: the last one's are compared; which rows were new to the lake depends on what the
    # killed runs had landed already
    found[INGESTION_COUNTS.name] = _rows(warehouse, LAST_COUNTS, without={"rows_new"})
    versions = ModelStore.of(settings).versions()
    return {**found, "models": [(version.version, version.fingerprint, version.roles) for version in versions]}


def _rows(warehouse: Warehouse, query: str, without: set[str] | None = None) -> list[tuple[Any, ...]]:
    left_out = OF_THE_RUN | (without or set())
    rows = warehouse.read(query).to_pylist()
    return sorted((tuple((k, v) for k, v in row.items() if k not in left_out) for row in rows), key=repr)


def differences(wanted: Tables, found: Tables) -> list[str]:
    """Where the tables differ, a line for each; none if they are the same."""
    return [
        f"{name}: {len(found[name])} rows, wanted {len(rows)}; first difference: {_first_difference(rows, found[name])}"
        for name, rows in wanted.items()
        if rows != found[name]
    ]


def _first_difference(wanted: Sequence[Any], found: Sequence[Any]) -> str:
    for one, other in zip(wanted, found, strict=False):
        if one != other:
            cells = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
            return f"wanted {cells[0][0]}, found {cells[0][1]}"
    return "rows too many or too few"


# ---- the reader


@dataclass
class Reader:
    """Polls `scores` of one data directory; it never starts a server, and a server that is not there is no finding."""

    data_dir: Path
    seen: dict[datetime, set[tuple[int, int]]] = field(default_factory=dict)
    """For each day, every pair of rows and distinct run ids that was ever seen."""
    polls: int = 0

    def wrong(self, full: int) -> list[str]:
        """What was seen and must not be: a day with other than all its rows, or rows of two runs."""
        return [
            f"a reader saw {rows} rows of {day:%Y-%m-%d} by {runs} runs; a whole day has {full}"
            for day, pairs in self.seen.items()
            for rows, runs in sorted(pairs)
            if (rows, runs) != (full, 1)
        ]

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Poll in a thread while the block runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._poll, args=(ended,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(timeout=10)

    def _poll(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                with closing(connect(server(self.data_dir).url("churn_demo"))) as connection:
                    connection.autocommit = True
                    while not ended.wait(1 / HERTZ):
                        self._look(connection)
            except Exception as error:
                if not isinstance(error, psycopg2.Error | OSError) and "cannot be entered" not in str(error):
                    raise
                ended.wait(1 / HERTZ)

    def _look(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select as_of, count(*), count(distinct run_id) from analytics.scores group by as_of")
            for day, rows, runs in cursor.fetchall():
                self.seen.setdefault(day, set()).add((rows, runs))
        self.polls += 1


def server(data_dir: Path) -> Server:
    """The embedded server as it is, whether it runs or not."""
    place = Place(data_dir)
    folder = Path(place.socket_note.read_text().strip()) if place.socket_note.exists() else place.cluster
    return Server(folder, place.password.read_text().strip())


# ---- the benchmark


@dataclass(frozen=True)
class Reference:
    """The undisturbed run."""

    seconds: float
    tables: Tables

    @property
    def scored(self) -> int:
        """Rows of a whole day."""
        return len(self.tables["scores"])


def undisturbed(data_dir: Path, settings: Mapping[str, str]) -> Reference:
    """The reference, from an empty data directory.

    Raises:
        RuntimeError: the run was not green, or nobody was scored or promoted: nothing could be compared.
    """
    run = start(data_dir, settings)
    status, seconds = run.ended(), time.monotonic() - run.began
    if status:
        raise RuntimeError(f"the undisturbed run ended with status {status}:\n{run.said()}")
    reference = Reference(seconds, tables(data_dir))
    for needed in ("scores", "model_promotions", "drift", "actions"):
        if not reference.tables[needed]:
            raise RuntimeError(f"the undisturbed run left no row in {needed}: give it more trials")
    return reference


def kill_at(moment: float, data_dir: Path, settings: Mapping[str, str]) -> tuple[float, str]:
    """Start a run and kill it after so many seconds (sooner, if it was done by then); gives when, and where it was."""
    while True:
        run = start(data_dir, settings)
        time.sleep(moment)
        if run.process.poll() is None:
            run.kill()
            return moment, run.doing()
        moment *= 0.8


def kill_server_at(moment: float, data_dir: Path, settings: Mapping[str, str]) -> str:
    """Start a run, kill the server under it after so many seconds, and let the run end by itself; says how it did."""
    run = start(data_dir, settings)
    time.sleep(moment)
    while not kill_server(data_dir):
        time.sleep(0.1)
    where = run.doing()
    status = run.ended()
    return f"{where}; the run ended by itself with status {status}"


def round_of_kills(
    number: int, moments: Sequence[float], server_at: float | None, reference: Reference, settings: Mapping[str, str]
) -> tuple[list[str], int]:
    """Kill, then run to the end, and compare; gives what was wrong and how often the reader looked."""
    with data_directory() as data_dir, Reader(data_dir).reading() as reader:
        for moment in moments:
            line(number, "run", *kill_at(moment, data_dir, settings))
        if server_at is not None:
            line(number, "server", server_at, kill_server_at(server_at, data_dir, settings))
        run = start(data_dir, settings)
        status = run.ended()
        wrong = [f"the run after the kills ended with status {status}:\n{run.said()}"] if status else []
        wrong += differences(reference.tables, tables(data_dir)) + reader.wrong(reference.scored)
        line(number, "-", time.monotonic() - run.began, "; ".join(wrong) or "green, all tables as in the reference")
        return wrong, reader.polls


def line(number: int, what: str, seconds: float, words: str) -> None:
    print(f"{number:>5}  {what:<8}{seconds:>7.1f} s  {words}", flush=True)


@contextmanager
def data_directory() -> Iterator[Path]:
    """An empty data directory, its server stopped in the end."""
    with tempfile.TemporaryDirectory(prefix="crash-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        try:
            yield Path(folder)
        finally:
            stop_server(Path(folder))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--per-round", type=int, default=5, help="kills before a run that has to end green")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--large", action="store_true", help="the demo business as `make run` has it")
    given = options.parse_args()
    settings: dict[str, str] = {} if given.large else SMALL
    drawn = random.Random(given.seed)
    with data_directory() as data_dir:
        reference = undisturbed(data_dir, settings)
    print(f"undisturbed: {reference.seconds:.1f} s, {reference.scored} trials scored, seed {given.seed}\n")
    print("round  killed       at       where")
    moments = [drawn.uniform(0, reference.seconds) for _ in range(given.kills)]
    rounds = [moments[first : first + given.per_round] for first in range(0, given.kills, given.per_round)]
    wrong: list[str] = []
    polls = 0
    for number, some in enumerate(rounds, 1):
        server_at = drawn.uniform(0, reference.seconds) if number == len(rounds) else None
        found, looked = round_of_kills(number, some, server_at, reference, settings)
        wrong, polls = wrong + found, polls + looked
    print(f"\n{given.kills} kills and one of the server; a reader looked {polls:,} times: ", end="")
    print("all held" if not wrong else f"{len(wrong)} did NOT hold")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()

"""What happens without anybody: a real `dagster-daemon`, on a business whose customers really changed their ways.

The degradation is not forged in any table. The raw files of a simulated business are edited so that from one day on
those who would have converted do not, and the others do. The model of before is then wrong about its trials, its matured
scores show that, and the daemon's sensor, which is on by default, has to find it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from benchmarks.crash import SMALL, data_directory, start
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.write import provide
from churn_pipeline.cli.environment import QUIET
from churn_pipeline.core.clock import midnight
from churn_pipeline.orchestration.writers import TAG
from churn_pipeline.settings import PROJECT, Settings, load_settings
from churn_pipeline_tests.chains import as_settings, dagster_instance, run

if TYPE_CHECKING:
    import dagster as dg

pytestmark = pytest.mark.slow
QUICK = {"CHURN_FEW_CONVERSIONS": "100000", "CHURN_SUITE_SAMPLE_ROWS": "0"}
"""For every run, the daemon's too. Regressions alone, which are fitted in no time, know the customers well enough to be wrong about the changed
ones; and no Great Expectations, of which nothing is asked here."""
TURN = date(2026, 10, 1)
"""The champion is trained as of this day; trials that were running then, and later ones, behave the other way round."""
KNOWN = date(2026, 10, 25)
"""By this day the trials that were scored on the day of the turn have matured."""
LATER = ("2026-10-02", "2026-10-03")
"""Two days that are asked for at once."""


class Business:
    """A data directory, and the environment of all that works on it."""

    def __init__(self, data_dir: Path, source: Path) -> None:
        self.data_dir = data_dir
        self.given = {**SMALL, **QUICK, "CHURN_SOURCE": str(source), "CHURN_BUSINESS": "shop"}
        # the first run of everything trains, too, and would keep the sensor quiet for days
        self.given["CHURN_RETRAIN_COOLDOWN_DAYS"] = "0"
        self.environment = {**QUIET, **self.given, "CHURN_DATA_DIR": str(data_dir), "DAGSTER_HOME": str(PROJECT)}

    @property
    def warehouse(self) -> Warehouse:
        """Its tables."""
        return Warehouse.of(self.settings)

    @property
    def settings(self) -> Settings:
        """The same, as the daemon reads it."""
        return load_settings(data_dir=self.data_dir, **as_settings(self.given))


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """A business whose champion was trained before the turn, and whose scores of that day have matured."""
    source = tmp_path_factory.mktemp("source") / "business"
    truth = tmp_path_factory.mktemp("truth") / "truth.parquet"
    provide(Parameters.of(load_settings(**as_settings(SMALL))), folder=source, truth=truth)
    turn_around(source)
    with data_directory() as data_dir:
        business = Business(data_dir, source)
        assert run(business.settings, "everything", TURN).success
        assert run(business.settings, "daily_scoring", KNOWN).success
        yield business


def turn_around(source: Path) -> None:
    """Of the trials that run on the day of the turn or begin later, those convert that did not, and the others not."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        trials, subscriptions = (f"read_parquet('{source}/{name}.parquet')" for name in ("trials", "subscriptions"))
        connection.execute(
            f"create table turned as select *, started_at + to_days(trial_days::int) as ends from {trials} "
            f"where started_at + to_days(trial_days::int) > timestamptz '{TURN}'"
        )
        connection.execute(
            f"create table bought as select * from {subscriptions} where trial_id not in (select trial_id from turned) "
            "union all by name select 'turned-' || trial_id as subscription_id, trial_id, ends as started_at from turned "
            f"where trial_id not in (select trial_id from {subscriptions})"
        )
        connection.execute(f"copy bought to '{source}/subscriptions.parquet' (format parquet)")


def test_the_scores_of_the_changed_customers_are_judged_degraded(degraded: Business) -> None:
    judged = degraded.warehouse.read("select * from model_performance where scored_by = 'champion'").to_pylist()
    assert [(row["as_of"].date(), row["degraded"]) for row in judged] == [(KNOWN, True)], judged


def test_the_daemon_retrains_by_itself_and_writers_take_turns(degraded: Business) -> None:
    with dagster_instance(degraded.environment) as instance, daemon(degraded) as log:
        wait(lambda: retrains(instance), 120, "the daemon launched no retrain", log)
        dagster(
            degraded,
            "job",
            "backfill",
            "-w",
            "workspace.yaml",
            "-j",
            "rescore",
            "--noprompt",
            "--partitions",
            ",".join(LATER),
        )
        wait(lambda: all_finished(instance, 3), 300, "the three runs did not end", log)
        wait(lambda: looked_again(instance), 120, "the sensor looked no second time", log)
        writing = [record for record in asked_for(instance) if TAG in record.dagster_run.tags]
    assert [record.dagster_run.status.value for record in writing] == ["SUCCESS"] * 3, log.read_text()
    assert overlaps([(record.start_time or 0, record.end_time or 0) for record in writing]) == []
    (retrain,) = [record.dagster_run for record in writing if record.dagster_run.job_name == "retrain"]
    assert retrain.tags["dagster/sensor_name"] == "degradation"
    assert "below" in retrain.tags["churn/because"] or "drifted" in retrain.tags["churn/because"], retrain.tags
    verdicts = degraded.warehouse.read(
        "select * from model_verdicts where as_of <= $1 order by as_of", [midnight(KNOWN)]
    ).to_pylist()
    assert [(v["as_of"].date(), v["compared_with"]) for v in verdicts] == [(TURN, "base rate"), (KNOWN, "1")]
    assert verdicts[-1]["run_id"] == retrain.run_id
    scored = degraded.warehouse.read(
        "select distinct as_of from scores where as_of <= $1 order by as_of", [midnight(KNOWN)]
    ).to_pylist()
    assert [row["as_of"].date().isoformat() for row in scored] == [TURN.isoformat(), *LATER, KNOWN.isoformat()]


def test_of_two_retrains_by_hand_at_once_one_runs_and_the_other_says_who_does(degraded: Business) -> None:
    both = [start(degraded.data_dir, degraded.given, "retrain", "--as-of", KNOWN.isoformat()) for _ in range(2)]
    assert sorted(run.ended() for run in both) == [0, 1], [run.said() for run in both]
    one, other = sorted(both, key=lambda run: run.process.returncode)
    assert f"process {one.process.pid} on" in other.said()
    assert "since 20" in other.said()
    assert "Traceback" not in other.said()


# ---- the daemon


@contextmanager
def daemon(business: Business) -> Iterator[Path]:
    """A real daemon in a session of its own, ended with all that it started; gives its log."""
    log = business.data_dir / "daemon.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [tool("dagster-daemon"), "run", "-w", "workspace.yaml"],
            cwd=PROJECT,
            env={**os.environ, **business.environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    started = psutil.Process(process.pid)
    try:
        yield log
    finally:
        children = started.children(recursive=True) if started.is_running() else []
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()
        for left in children:
            with suppress(psutil.NoSuchProcess):
                left.kill()


def dagster(business: Business, *arguments: str) -> None:
    subprocess.run(
        [tool("dagster"), *arguments],
        cwd=PROJECT,
        env={**os.environ, **business.environment},
        check=True,
        capture_output=True,
    )


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def asked_for(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The runs of the sensor and of the backfill; a schedule may strike meanwhile, and its run is none of theirs."""
    others = ("churn/started_by", "dagster/schedule_name")
    return [
        record for record in instance.get_run_records() if not any(tag in record.dagster_run.tags for tag in others)
    ]


def retrains(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    return [record for record in asked_for(instance) if record.dagster_run.job_name == "retrain"]


def all_finished(instance: dg.DagsterInstance, wanted: int) -> bool:
    runs = asked_for(instance)
    return len(runs) >= wanted and all(run.dagster_run.is_finished for run in runs)


def looked_again(instance: dg.DagsterInstance) -> bool:
    """Whether the sensor was evaluated after the retrain had ended, and asked for nothing."""
    (retrain,) = retrains(instance)
    states = [state for state in instance.all_instigator_state() if state.name == "degradation"]
    ticks = [tick for state in states for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)]
    return any(tick.timestamp > (retrain.end_time or 0) and tick.status.value == "SKIPPED" for tick in ticks)


def overlaps(spans: list[tuple[float, float]]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [(one, next_) for one, next_ in pairwise(sorted(spans)) if next_[0] < one[1]]


def wait(condition: Callable[[], object], seconds: float, otherwise: str, log: Path) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{otherwise}:\n{log.read_text()[-5000:]}"
        time.sleep(0.5)

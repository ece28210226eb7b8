from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
import yaml
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter, job, op
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs.migration import RUN_PARTITIONS
from dagster_postgres import PostgresRunStorage

from churn_pipeline.adapters.dagster_storage import BESIDE, OF_EACH, dagster_folder, make_tables
from churn_pipeline.adapters.postgres import DatabaseError, connect, database_url
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.copies import execute

pytestmark = pytest.mark.flow


@pytest.fixture
def instance(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The instance of the project's own dagster.yaml, on an empty database and an empty data directory."""
    for name in [name for name in os.environ if name.startswith("CHURN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CHURN_POSTGRES_URL", database)
    with DagsterInstance.from_config(str(PROJECT)) as instance:
        yield instance


@op
def greet() -> None:
    sys.stdout.write("hello from a step\n")


@job(tags={"churn/writes": "scores"})
def greeting() -> None:
    greet()


def test_runs_are_kept_in_schema_dagster_and_files_in_the_data_directory(
    instance: DagsterInstance, database: str, tmp_path: Path
) -> None:
    before = set(PROJECT.iterdir())
    result = greeting.execute_in_process(instance=instance)
    assert result.success
    (kept,) = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.SUCCESS]))
    assert kept.run_id == result.run_id
    assert instance.all_logs(result.run_id)
    with closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from dagster.runs")
        assert cursor.fetchall() == [(1,)]
        cursor.execute("select count(*) from pg_tables where schemaname in ('public', 'analytics', 'mlflow')")
        assert cursor.fetchall() == [(0,)]
    printed = "".join(path.read_text() for path in dagster_folder().rglob("*.out"))
    assert "hello from a step" in printed
    assert dagster_folder() == tmp_path / "data" / "dagster"
    assert instance.storage_directory().startswith(str(dagster_folder()))
    assert set(PROJECT.iterdir()) == before


def test_a_run_takes_one_connection_and_leaves_none(instance: DagsterInstance, database: str) -> None:
    first = backend(instance)
    assert greeting.execute_in_process(instance=instance).success
    assert backend(instance) == first
    assert instance.all_instigator_state() == []
    assert others(database) == {first}
    instance.dispose()
    wait_until(lambda: others(database) == set())


def test_a_connection_that_the_server_has_closed_is_replaced(instance: DagsterInstance, database: str) -> None:
    first = backend(instance)
    execute(database, f"select pg_terminate_backend({first})")
    wait_until(lambda: others(database) == set())
    result = greeting.execute_in_process(instance=instance)
    assert result.success
    assert instance.get_run_by_id(result.run_id) is not None
    assert backend(instance) != first


def test_who_asks_while_another_does_gets_a_connection_of_its_own_and_one_is_kept(
    instance: DagsterInstance, database: str
) -> None:
    with events_of(instance).index_connection():
        assert instance.get_runs() == []
        assert len(others(database)) == 2
    wait_until(lambda: len(others(database)) == 1)


def backend(instance: DagsterInstance) -> int:
    """Number of the server's process that answers it."""
    with events_of(instance).index_connection() as connection:
        return int(connection.execute(sa.text("select pg_backend_pid()")).scalar_one())


def events_of(instance: DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    return storage


def others(url: str) -> set[int]:
    """Numbers of the server's processes that answer others on that database."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


HELD = """
import sys, time
from dagster_postgres import PostgresEventLogStorage
from churn_pipeline.adapters.dagster_storage import make_tables

def held(_):
    print("half-way", flush=True)
    time.sleep(60)

PostgresEventLogStorage.reindex_events = held
make_tables(sys.argv[1])
"""
"""Makes the tables, and stops after those of runs and events."""


@pytest.mark.slow
def test_tables_whose_maker_was_killed_are_made_whole_by_the_next(settings: Settings) -> None:
    url = database_url(settings, schema="dagster", driver="postgresql+psycopg2")
    with subprocess.Popen([sys.executable, "-c", HELD, url], stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "half-way\n"
        assert "event_logs" in tables_in(url, BESIDE)
        maker.kill()
    assert tables_in(url, "dagster") == set()
    make_tables(url)
    assert tables_in(url, "dagster") >= OF_EACH | {"secondary_indexes"}
    assert tables_in(url, BESIDE) == set()
    assert PostgresRunStorage(url).has_built_index(RUN_PARTITIONS)


def test_a_part_of_the_tables_is_told_with_the_way_out(settings: Settings) -> None:
    url = database_url(settings, schema="dagster", driver="postgresql+psycopg2")
    execute(url, "create table dagster.event_logs (id int)")
    with pytest.raises(DatabaseError, match=r"holds only a part of Dagster's tables(?s:.*)drop schema dagster cascade"):
        make_tables(url)


def test_who_may_make_no_schemas_is_told_what_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> None:
        raise psycopg2.errors.InsufficientPrivilege("permission denied for database shop")

    monkeypatch.setattr("churn_pipeline.adapters.dagster_storage._make_beside", refused)
    url = database_url(settings, schema="dagster", driver="postgresql+psycopg2")
    with pytest.raises(DatabaseError, match="permission denied for database shop\n  do: let our user create schemas"):
        make_tables(url)


def test_of_many_at_once_one_makes_the_tables(settings: Settings) -> None:
    url = database_url(settings, schema="dagster", driver="postgresql+psycopg2")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_tables, [url] * 4))
    assert len(tables_in(url, "dagster")) > 20


def tables_in(url: str, schema: str) -> set[str]:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = %s", [schema])
        return {name for (name,) in cursor.fetchall()}


def test_a_second_process_gets_the_same_instance_by_reference(instance: DagsterInstance) -> None:
    with DagsterInstance.from_ref(instance.get_ref()) as other:
        instance.add_dynamic_partitions("days", ["2024-05-01"])
        assert other.get_dynamic_partitions("days") == ["2024-05-01"]


def test_of_all_runs_that_write_tables_one_runs_at_a_time(instance: DagsterInstance) -> None:
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert list(queue.tag_concurrency_limits) == [{"key": "churn/writes", "limit": 1}]
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds > 0
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 0


def test_nothing_is_reported_to_anybody(instance: DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_the_workspace_is_the_definitions_under_one_name() -> None:
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text())
    assert workspace == {
        "load_from": [
            {"python_module": {"module_name": "churn_pipeline.definitions", "location_name": "churn_pipeline"}}
        ]
    }


def blocked(process: int) -> int:
    """The signals that a process never hears of, a bit each."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)


@pytest.mark.usefixtures("termination")
def test_what_dagster_starts_beside_a_step_does_not_hear_of_ctrl_c_and_we_do(
    instance: DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its watchers would end with a traceback each."""
    bit = 1 << (signal.SIGINT - 1)
    before = set(children())
    with capfd.disabled(), instance.compute_log_manager.capture_logs(["a step"]):
        started = set(children()) - before
        assert started
        assert all(blocked(process) & bit for process in started)
        assert not blocked(os.getpid()) & bit
    assert not blocked(os.getpid()) & bit


def children() -> list[int]:
    """Processes that we started."""
    return [int(word) for task in Path("/proc/self/task").iterdir() for word in (task / "children").read_text().split()]

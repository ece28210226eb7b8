"""Where Dagster keeps its runs, events, schedules and the output of steps; named in dagster.yaml.

dagster.yaml is the same for everybody: these classes ask the settings, start the embedded server for whoever comes
first (the UI, the daemon, a run), and write below the data directory. They take no configuration.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from churn_pipeline.adapters.postgres import NOTICED, SCHEMAS, DatabaseError, connect, database_url, located
from churn_pipeline.settings import load_settings

if TYPE_CHECKING:
    import psycopg2.extensions
    from sqlalchemy.engine import Engine

SCHEMA, BESIDE = "dagster", "dagster_in_the_making"
OF_EACH = {"runs", "event_logs", "asset_check_executions", "jobs"}
"""Tables of each of Dagster's three storages: runs, events, schedules."""
MAKING = 7_305_224_511_871_042
"""Key of the advisory lock under which the tables are made (any constant)."""
DRIVER = "postgresql+psycopg2"


class EventsOverKeptConnections(PostgresEventLogStorage):
    """Events, where the connections are closed once Dagster has done with the storage."""

    def dispose(self) -> None:
        """Called by Dagster at the end; whoever asks afterwards gets a new connection."""
        super().dispose()
        self._engine.dispose()


class ChurnStorage(DagsterPostgresStorage):
    """Runs, events and schedules, in schema `dagster` of the business's database.

    Dagster opens a connection for every statement, some seven hundred in a run, which takes longer than what it asks by them;
    here the three storages share one that is kept.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        """The tables have to be there."""
        super().__init__(postgres_url, should_autocreate_tables=False, inst_data=inst_data)
        self._event_log_storage = EventsOverKeptConnections(postgres_url, should_autocreate_tables=False)
        engine = kept_connection(postgres_url)
        self._run_storage._engine = self._event_log_storage._engine = self._schedule_storage._engine = engine

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the database is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnStorage:
        """Called by Dagster; the database is there when this returns."""
        url = database_url(load_settings(), schema=SCHEMA, driver=DRIVER)
        make_tables(url)
        return cls(postgres_url=url, inst_data=inst_data)


class ChurnComputeLogs(LocalComputeLogManager):
    """What steps print, in `<data_dir>/dagster/logs`."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the data directory is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnComputeLogs:
        """Called by Dagster."""
        return cls(base_dir=str(dagster_folder() / "logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext]:
        """Called by Dagster around a step.

        It starts processes that copy what is printed and see to it that none outlives the step; Ctrl-C is meant for none of them.
        """
        with ExitStack() as held:
            with _children_without_interrupts():
                captured = held.enter_context(super().capture_logs(log_key))
            yield captured


class ChurnArtifacts(LocalArtifactStorage):
    """Files that Dagster itself passes between steps, in `<data_dir>/dagster`."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the data directory is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnArtifacts:
        """Called by Dagster."""
        return cls(base_dir=str(dagster_folder()), inst_data=inst_data)


@contextmanager
def _children_without_interrupts() -> Iterator[None]:
    """Whoever is started meanwhile never hears of Ctrl-C, as a mask of signals is inherited; we hear of it, at the latest afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kept_connection(url: str) -> Engine:
    """A pool that keeps one connection; others are opened while that is in use, and only then.

    One that the server has closed since, or that has vanished without a word, is replaced before it is used.
    """
    import sqlalchemy as sa

    return sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # as Dagster's own
        pool_size=1,
        max_overflow=-1,
        pool_pre_ping=True,
        connect_args=NOTICED,
    )


def make_tables(url: str) -> None:
    """Make Dagster's tables where there are none, all of them or none.

    Dagster makes one after the other, each in a transaction of its own, and takes the first for all of them: killed in
    between it would never make the rest. So they are made in a schema beside, which takes the name once it is whole.

    Raises:
        DatabaseError: the server cannot be reached, we may not make schemas in it, or the tables there are only a part of Dagster's.
    """
    import psycopg2

    try:
        _make_whole(url)
    except psycopg2.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"Dagster's tables cannot be made: {str(error).strip()}\n"
            f"  do: let our user create schemas in the database (grant create on database), and own schema {SCHEMA}"
        ) from None


def _make_whole(url: str) -> None:
    with closing(connect(url)) as connection, connection:
        if _has_tables(connection):
            return
        with connection.cursor() as cursor:
            cursor.execute("set local idle_in_transaction_session_timeout = 0")
            cursor.execute("select pg_advisory_xact_lock(%s)", [MAKING])
            if _has_tables(connection):  # another process was quicker
                return
            _make_beside(url)
            cursor.execute(f"drop schema {SCHEMA}")
            cursor.execute(f"alter schema {BESIDE} rename to {SCHEMA}")
            cursor.execute(f"comment on schema {SCHEMA} is %s", [SCHEMAS[SCHEMA]])


def _has_tables(connection: psycopg2.extensions.connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = %s", [SCHEMA])
        there = {name for (name,) in cursor.fetchall()}
    if there and not there >= OF_EACH:
        raise DatabaseError(
            f"schema {SCHEMA} holds only a part of Dagster's tables: an older version was killed while it made them.\n"
            f"  do: drop schema {SCHEMA} cascade; that forgets which runs there were, and nothing of the business. Then run again"
        )
    return bool(there)


def _make_beside(url: str) -> None:
    with closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"drop schema if exists {BESIDE} cascade")
        cursor.execute(f"create schema {BESIDE}")
    DagsterPostgresStorage(postgres_url=located(url, schema=BESIDE, driver=DRIVER))  # holds no connection


def dagster_folder() -> Path:
    """The folder of Dagster's own files."""
    return load_settings().data_dir.resolve() / "dagster"

"""What every test may ask for: a real PostgreSQL, a fresh database on it, settings that point there."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from churn_pipeline.adapters.embedded_postgres import running_server, stop_server
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.environment import QUIET
from churn_pipeline.settings import Settings
from churn_pipeline_tests.copies import execute, forget, sibling

if TYPE_CHECKING:
    from churn_pipeline_tests.shops import Shop


TESTS = Path(__file__).parent
ON_THE_SHOP = {
    path.relative_to(TESTS.parent).as_posix()
    for path in TESTS.rglob("test_*.py")
    if "shop: Shop" in path.read_text("utf-8")
}
"""Modules that ask for `shop`, which takes longer to make than to test on."""

# as every command has it; threads that wait for each other would spin on cores that other tests need
os.environ.update({name: os.environ.get(name, word) for name, word in QUIET.items()})

# how long an example takes is a matter of the machine, and of what it has imported before
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a database is no pure test.

    Whole chains go first, then other modules with slow tests or properties, so that no worker is left alone with one of them at the end.
    """
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if {"postgres", "short_data_dir", "shop_url", "mariadb"} & asked:
            item.add_marker("flow")
        if {"postgres", "shop_url"} & asked:
            item.add_marker("postgres")
    slow = {item.path for item in items if item.get_closest_marker("slow") or _is_property(item)}
    items.sort(key=lambda item: (item.path.parent != TESTS, item.path not in slow, _scope(item.nodeid) != "shop"))


def _is_property(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False) is True


def _scope(nodeid: str) -> str:
    module = nodeid.split("::", 1)[0]
    return "shop" if module in ON_THE_SHOP else module


class ByStand(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types, so its class is Any
    """Modules go to workers whole; those that stand on the shop to one, so that it is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Xdist's hook: how tests are handed out, where whole modules are."""
    return ByStand(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="module", autouse=True)
def coverage_by_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modules of slow tests and of whole chains are not traced: that takes a third more time, and says nothing that the other tests do not."""
    with _untraced(_is_slow(request) or (_is_flow(request) and request.path.parent == TESTS)):
        yield


@pytest.fixture(autouse=True)
def coverage_by_quick_ones(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nor are slow tests that stand among others, and properties, whose many examples reach the same lines."""
    with _untraced(_is_slow(request) or _is_property(request.node)):
        yield


def _is_slow(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("slow") is not None


def _is_flow(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("flow") is not None


@contextmanager
def _untraced(whether: bool) -> Iterator[None]:
    """Trace nothing meanwhile, if so; where nothing is traced already it stays so afterwards."""
    tracing = coverage.Coverage.current() if whether else None
    if tracing is None:
        yield
        return
    tracing.stop()
    yield
    tracing.start()


@pytest.fixture
def termination() -> Iterator[None]:
    """Children end on SIGTERM: after a run Dagster leaves it as SIGINT is, which is ignored in what a shell started in the background."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server's maintenance database: an embedded server, or the one that CHURN_TEST_POSTGRES_URL names."""
    given = os.environ.get("CHURN_TEST_POSTGRES_URL")
    if given:
        yield given
        forget(given)
        return
    with short_folder() as folder:
        url = running_server(folder).url()
        # hundreds of databases come and go in it, and none has to outlive the machine
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            execute(url, f"alter system set {name} = off")
        execute(url, "select pg_reload_conf()")
        yield url
        stop_server(folder)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """URL of an empty database, for one test."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
def database_of_module(postgres: str) -> Iterator[str]:
    """URL of an empty database, for all tests of a module."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """URL of database `shop` on a MariaDB server; skips where none is installed."""
    from churn_pipeline_tests.servers import mariadb_server

    with mariadb_server() as url:
        yield url


@pytest.fixture(params=["postgresql", "mariadb"])
def shop_url(request: pytest.FixtureRequest) -> str:
    """URL of a database that is a source: each server that we test with, in turn."""
    url: str = request.getfixturevalue({"postgresql": "database", "mariadb": "mariadb"}[request.param])
    return url


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Settings of a business with an empty database and an empty data directory."""
    return Settings(data_dir=tmp_path, postgres_url=database)


@pytest.fixture
def own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set by nobody else is written into a data directory of the test."""
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path / "data"))
    for name in ("CHURN_MAPPING", "CHURN_SOURCE", "CHURN_SOURCE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    """The declared tables, empty."""
    warehouse = Warehouse(database_url(settings))
    warehouse.create()
    return warehouse


@pytest.fixture(scope="session")
def shop(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A small business with two trained models, for tests that only read it (they bring their own `warehouse`)."""
    from churn_pipeline_tests.shops import open_shop

    with fresh_database(postgres) as url:
        yield open_shop(tmp_path_factory.mktemp("shop"), url)


@pytest.fixture
def short_data_dir() -> Iterator[Path]:
    """An empty data directory with a short path, for an embedded server of its own, which is stopped in the end."""
    with short_folder() as folder:
        yield folder
        stop_server(folder)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="churn-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(postgres: str) -> Iterator[str]:
    """An empty database on the server, dropped afterwards."""
    name = f"churn_test_{secrets.token_hex(6)}"
    execute(postgres, f"create database {name}")
    try:
        yield sibling(postgres, name)
    finally:
        execute(postgres, f"drop database {name} with (force)")

"""Forgetting everything that was computed, and nothing that somebody else put there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from churn_pipeline.adapters.embedded_postgres import answers, stop_server
from churn_pipeline.adapters.locks import WRITERS
from churn_pipeline.adapters.postgres import DATABASE, businesses, drop_business, require_business
from churn_pipeline.adapters.postgres_place import Place
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.simulation.write import MANIFEST
from churn_pipeline.cli.dev import DEV_LOCK, only_dev
from churn_pipeline.cli.feature_table import FILE, edited
from churn_pipeline.settings import Settings

MARKS = ("lake/raw/buckets", "lake/staged_trials", f"source/{MANIFEST}", DEV_LOCK, FILE)
"""What only the pipeline makes, so that a folder of the data directory that holds one of them is that of a business."""
OURS = ("lake", "mlflow", "reports", "spill", "replays", DEV_LOCK)
"""What the pipeline writes into the folder of a business, besides a simulated source with its truth."""


def clean(settings: Settings) -> None:
    """Remove what was computed and say what was removed and what was left.

    Raises:
        Busy: a run or `churn dev` goes on; nothing was stopped or removed.
        EmbeddedPostgresError: the server cannot be stopped; nothing was removed.
    """
    data_dir = settings.data_dir
    with nobody_works(settings):
        stop_server(data_dir)
        removed = _removed(made(data_dir))
    _tidy_up(data_dir, removed)
    _say(data_dir, removed)


def clean_business(settings: Settings, business: str) -> None:
    """Remove what was computed of one business, its database included, and say what was removed; all others stay as they are.

    Raises:
        Busy: a run or `churn dev` of it goes on; nothing was removed.
        DatabaseError: there is no such business, or its tables lie in a PostgreSQL of your own; nothing was removed.
    """
    one = settings.model_copy(update={"business": business})
    there = {home.name for home in homes(settings.data_dir)}
    if business not in there:
        require_business(one)
    with ExitStack() as held:
        if business in there:
            held.enter_context(only_dev(one.home))
        for writable in _writable(settings):
            if writable.business == business:
                held.enter_context(Warehouse.of(writable).lock(WRITERS))
        drop_business(one)
        removed = _removed(path for path in _of(one.home) if path.exists())
    _tidy_up(settings.data_dir, removed)
    _say(settings.data_dir, removed, also=(f"database {DATABASE}{business}",))


@contextmanager
def nobody_works(settings: Settings) -> Iterator[None]:
    """Within it no run and no `churn dev` of any business of the data directory goes on.

    Raises:
        Busy: one does.
    """
    with ExitStack() as held:
        for home in homes(settings.data_dir):
            held.enter_context(only_dev(home))
        for business in _writable(settings):
            held.enter_context(Warehouse.of(business).lock(WRITERS))
        yield


def made(data_dir: Path) -> list[Path]:
    """What the project made in a data directory, by its name at its place; whatever else lies there is somebody's own."""
    places = [*Place(data_dir).parts, data_dir / "dagster", *(path for home in homes(data_dir) for path in _of(home))]
    return [path for path in places if path.exists()]


def homes(data_dir: Path) -> list[Path]:
    """The folders of the businesses, in order of their names."""
    there = sorted(data_dir.iterdir()) if data_dir.exists() else []
    return [folder for folder in there if any((folder / mark).exists() for mark in MARKS)]


def _of(home: Path) -> Iterator[Path]:
    yield from (home / name for name in OURS)
    if not edited(home / FILE):
        yield home / FILE
    if (home / "source" / MANIFEST).exists():
        yield from (home / "source", home / "source.lock", home / "truth")


def _writable(settings: Settings) -> Iterator[Settings]:
    """The businesses that somebody may be writing now: those of a server that runs."""
    if settings.postgres_url is not None:
        yield from (settings.model_copy(update={"business": name}) for name in businesses(settings))
    embedded = settings.model_copy(update={"postgres_url": None})
    if answers(settings.data_dir):
        yield from (embedded.model_copy(update={"business": name}) for name in businesses(embedded))


def _removed(paths: Iterable[Path]) -> list[Path]:
    """The same paths, of which nothing is there any more."""
    gone = list(paths)
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return gone


def _tidy_up(data_dir: Path, removed: Iterable[Path]) -> None:
    """Remove the folders of businesses in which nothing is left."""
    for home in {path.parent for path in removed} - {data_dir}:
        if not any(home.iterdir()):
            home.rmdir()


def _say(data_dir: Path, removed: Iterable[Path], *, also: Sequence[str] = ()) -> None:
    left = sorted(path.name for path in data_dir.iterdir()) if data_dir.exists() else []
    for words, names in (
        ("removed", [*also, *(path.relative_to(data_dir).as_posix() for path in removed)]),
        ("left", left),
    ):
        sys.stdout.write(f"{words:<8} {', '.join(names) or 'nothing'}\n")
    sys.stdout.write(f"in       {data_dir}\n")

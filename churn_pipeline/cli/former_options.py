"""Whether a business may be run with other options than before, and what has to go for that."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from churn_pipeline.settings import Settings, SettingsError

ANY_SCORE = "select as_of from scores limit 1"


@contextmanager
def room(settings: Settings, before: dict[str, Any], said: dict[str, Any]) -> Iterator[None]:
    """Other options may be written within it: what was staged with those before is forgotten, where nothing has come of it yet.

    Raises:
        SettingsError: there are models or scores, and they were made with another id, label, value or time; or it cannot be told.
        Busy: something is being run.
    """
    lake = settings.home / "lake"
    if not before:
        yield
        return
    from churn_pipeline.adapters.locks import WRITERS
    from churn_pipeline.adapters.model_store import ModelStore
    from churn_pipeline.adapters.postgres import businesses
    from churn_pipeline.adapters.warehouse import Warehouse

    if settings.business not in businesses(settings):
        if lake.exists():
            raise SettingsError(
                f"business {settings.business} was run with other options, and no database here tells what came of it\n"
                f"  do: name the database it was run on (CHURN_POSTGRES_URL), or forget it: remove {settings.home}"
            )
        yield
        return
    warehouse = Warehouse.of(settings)
    warehouse.create()
    with warehouse.lock(WRITERS):
        if ModelStore.of(settings).versions() or warehouse.read(ANY_SCORE).to_pylist():
            _require_same(settings.business, before.get("feature_table") or {}, said["feature_table"])
        elif lake.exists():
            shutil.rmtree(lake)
        yield


def _require_same(business: str, was: dict[str, Any], now: dict[str, Any]) -> None:
    other = [key for key in ("id", "label", "positive", "time") if was.get(key) != now.get(key)]
    if other:
        told = ", ".join(f"{key} {was.get(key)} (now {now.get(key)})" for key in other)
        raise SettingsError(
            f"business {business} was run with {told}: its models and scores mean something else\n"
            f"  do: give the table another name, or forget what was run on it: churn clean --business {business}"
        )

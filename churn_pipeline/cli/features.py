"""Whether the features know the future, on the records of the business itself, and what a user's own come to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.adapters.own_features import own_features
from churn_pipeline.capabilities.features.foresight import Foresight, foresight
from churn_pipeline.capabilities.features.spread import spread
from churn_pipeline.contracts.features.own import Own
from churn_pipeline.contracts.raw import EVENTS
from churn_pipeline.core.clock import midnight, midnight_after
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline.settings import Settings

BACK = (14, 30, 60, 90)
"""Days before the newest record whose looks are compared."""


def check(settings: Settings, *, as_of: str | None = None) -> None:
    """Compare past looks with what was known then, and count the values of a user's own features.

    Prints a line a day as soon as it is compared, and a line a feature of their own; exits with status 1 where any feature differs, or nothing could be compared.

    Raises:
        LakeError: nothing has been read yet.
    """
    lake = Lake.of(settings)
    newest = _newest(lake)
    now = midnight(date.fromisoformat(as_of)) if as_of else newest
    own = own_features(settings.own_features, lake.engine)
    found = []
    for then, result in _compared(lake, settings, own, now=now):
        sys.stdout.write(f"{then:%Y-%m-%d}: {result}\n")
        sys.stdout.flush()
        found.append(result)
    if own:
        told = "".join(f"  {one}\n" for one in spread(lake, own, as_of=now))
        sys.stdout.write(f"features of your own as of {now:%Y-%m-%d}:\n{told}")
    if not any(result.looks for result in found):
        sys.stdout.write("nothing was compared, so nothing is proven\n")
        raise SystemExit(1)
    if any(result.differing for result in found):
        raise SystemExit(1)


def _compared(lake: Lake, settings: Settings, own: Own, *, now: datetime) -> Iterator[tuple[datetime, Foresight]]:
    days = [now - timedelta(days=n) for n in BACK]
    compose = partial(snapshots_query, own=own)
    with lake.engine.connection() as connection:
        results = foresight(lake, connection, days=days, now=now, landmarks=settings.landmarks, compose=compose)
        yield from zip(days, results, strict=True)


def _newest(lake: Lake) -> datetime:
    """The midnight after the newest event of the lake."""
    if not lake.has_raw(EVENTS):
        raise LakeError(f"the lake {lake.root} holds no events yet.\n  do: read the source first: churn run")
    with lake.engine.connection() as connection:
        lake.history(connection, EVENTS, view="_events")
        newest = connection.execute("select max(greatest(occurred_at, received_at)) from _events").fetchall()
    return midnight_after(newest[0][0])

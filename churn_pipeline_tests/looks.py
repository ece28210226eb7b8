"""One trial looked at once: its features from a handful of events, by the SQL that the pipeline itself runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import Looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import Row, SmallWorld, answer, remembered

START = datetime(2024, 5, 6, 9, 30, tzinfo=UTC)
"""A Monday."""
MIDNIGHT = datetime(2024, 5, 7, tzinfo=UTC)


def event(day: float, **other: Any) -> Row:
    """A login so many days after the start of the trial, known at once."""
    return {"occurred_at": START + timedelta(days=day), "event_name": "login"} | other


def features(
    events: Iterable[Row] = (),
    *,
    day: int = 10,
    touches: Iterable[Row] = (),
    published: Iterable[Row] = (),
    **trial: Any,
) -> dict[str, Any]:
    """The snapshot of a 14-day trial as of `day` midnights after its start."""
    world = SmallWorld(
        trials=({"trial_id": "t", "account_id": "a", "started_at": START, "trial_days": 14} | trial,),
        events=tuple({"event_id": f"e{n}", "trial_id": "t"} | row for n, row in enumerate(events)),
        touches=tuple({"touch_id": f"c{n}", "trial_id": "t", "kind": "email"} | row for n, row in enumerate(touches)),
        indicators=tuple(published),
    )
    as_of = MIDNIGHT + timedelta(days=day - 1)
    looks = Looks(f"select 't' as trial_id, {sql_instant(as_of)} as as_of")
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=as_of)
        gather(lake, connection, looks, before=as_of)
        (row,) = answer(connection, snapshots_query(looks)).to_pylist()
    return dict(row)

"""Running snapshots, labels and the training set of a day, computed in the lake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.peers import gather, reached
from churn_pipeline.contracts.features.own import Own
from churn_pipeline.contracts.lake import LABELS, LANDMARK_SNAPSHOTS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.depends import DEPENDS_ON
from churn_pipeline.core.featurize.looks import Looks, running_looks
from churn_pipeline.core.featurize.peers import compares
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline.core.labels import labels_query, training_set_query

if TYPE_CHECKING:
    import duckdb

READ = (*(dependence.table for dependence in DEPENDS_ON), SUBSCRIPTIONS)
"""What the looks depend on, and who has converted."""
VALUES_A_GIGABYTE = 60_000_000
"""How many events, times the columns of a snapshot, are looked at at once for each gigabyte of the memory limit (docs/benchmarks.md)."""
Compose = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many rows were written, and of how many they were drawn."""

    rows: int
    of: int


def write_running_snapshots(lake: Lake, as_of: datetime, own: Own = ()) -> int:
    """Look at every running trial as of `as_of`, with a user's `own` features; gives the number of snapshots."""
    compose = partial(snapshots_query, own=own)
    return write_snapshots(lake, SNAPSHOTS.name, as_of, running_looks(sql_instant(as_of)), compose)


def write_labels(lake: Lake, as_of: datetime, grace_days: int) -> int:
    """Label every trial whose window has closed by `as_of`; gives the number of labels."""
    with knowing(lake, as_of) as connection:
        lake.rejected(connection, SUBSCRIPTIONS, before=as_of)
        query = labels_query(sql_instant(as_of), grace_days) + " order by trial_id"
        return lake.write(connection, LABELS.name, as_of, query)


def write_training_set(lake: Lake, as_of: datetime, most_rows: int) -> Drawn:
    """Join the landmark snapshots with the mature labels; beyond `most_rows` of them whole trials are drawn."""
    join = partial(training_set_query, lake.rows(LANDMARK_SNAPSHOTS.name, as_of), lake.rows(LABELS.name, as_of))
    with lake.engine.connection() as connection:
        (of,) = connection.execute(f"select count(*) from ({join()})").fetchone() or (0,)
        rows = lake.write(connection, TRAINING_SET.name, as_of, join(share=most_rows / max(of, 1)))
    return Drawn(rows, of)


def write_snapshots(lake: Lake, dataset: str, as_of: datetime, looks: Looks, compose: Compose = snapshots_query) -> int:
    """Write what `looks` see, piece by piece, from the day partitions that matter; gives the number of snapshots.

    `compose` makes the query of looks, given the `bucket`.
    """
    with knowing(lake, as_of) as connection:
        # once, not for every piece
        connection.execute(f"create or replace temp table looks_wanted as {looks.query}")
        wanted = replace(looks, query="select * from looks_wanted")
        seen = pieces(lake, connection, wanted, as_of, buckets=range(lake.buckets), compose=compose)
        queries = [f"select * from ({query}) order by started_at, trial_id, as_of" for _, query in seen]
        return lake.write_pieces(connection, dataset, as_of, queries)


def pieces(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    looks: Looks,
    as_of: datetime,
    *,
    buckets: Iterable[int],
    compose: Compose,
    until: date | None = None,
) -> list[tuple[int, str]]:
    """The queries that give what `looks` (a select from one relation) see, each with its bucket, so small that each fits into memory.

    Looks lose the days that no trial reaches; the peers they are compared with are gathered. Events are read from the first day
    on which one of a trial that is looked at can lie, to before `until`, the day of the last look. A bucket of the lake is cut into slices of its trials, by the limit of memory and the columns
    of `SNAPSHOTS`.
    """
    seen, since = reached(connection, looks)
    if compares(compose(seen, bucket=0)):
        gather(lake, connection, seen, before=as_of)
    lake.known(connection, [EVENTS], before=as_of, since=since, until=until)
    last = until or as_of.date()
    at_once = VALUES_A_GIGABYTE * lake.engine.gigabytes / len(SNAPSHOTS.columns)
    # counted from the footers of the files alone
    days = f"day between date '{since or last}' and date '{last}'"
    counted = connection.execute(f"select bucket, count(*) from events_history where {days} group by bucket")
    events = dict(counted.fetchall())
    slices = {bucket: math.ceil(events.get(bucket, 1) / at_once) for bucket in buckets}
    return [(b, compose(_slice(seen, number, of), bucket=b)) for b, of in slices.items() for number in range(of)]


def _slice(looks: Looks, number: int, of: int) -> Looks:
    """One of several slices of the trials that are looked at."""
    return replace(looks, query=f"{looks.query} where hash(trial_id) % {of} = {number}") if of > 1 else looks


@contextmanager
def knowing(lake: Lake, as_of: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the raw records known before `as_of`."""
    with lake.engine.connection() as connection:
        lake.known(connection, READ, before=as_of)
        yield connection

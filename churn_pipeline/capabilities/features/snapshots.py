"""Running snapshots, labels and the training set of a day, computed in the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.peers import gather, reached
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
Compose = Callable[..., str]


def write_running_snapshots(lake: Lake, as_of: datetime) -> int:
    """Look at every running trial as of `as_of`; gives the number of snapshots."""
    return write_snapshots(lake, SNAPSHOTS.name, as_of, running_looks(sql_instant(as_of)))


def write_labels(lake: Lake, as_of: datetime, grace_days: int) -> int:
    """Label every trial whose window has closed by `as_of`; gives the number of labels."""
    with knowing(lake, as_of) as connection:
        lake.rejected(connection, SUBSCRIPTIONS, before=as_of)
        query = labels_query(sql_instant(as_of), grace_days) + " order by trial_id"
        return lake.write(connection, LABELS.name, as_of, query)


def write_training_set(lake: Lake, as_of: datetime) -> int:
    """Join the landmark snapshots with the mature labels; gives the number of rows."""
    query = training_set_query(lake.rows(LANDMARK_SNAPSHOTS.name, as_of), lake.rows(LABELS.name, as_of))
    with lake.engine.connection() as connection:
        return lake.write(connection, TRAINING_SET.name, as_of, query)


def write_snapshots(lake: Lake, dataset: str, as_of: datetime, looks: Looks, compose: Compose = snapshots_query) -> int:
    """Write what `looks` see, bucket by bucket, from the day partitions that matter; gives the number of snapshots.

    `compose` makes the query of looks, given the `bucket`.
    """
    with knowing(lake, as_of) as connection:
        # once, not for every bucket
        connection.execute(f"create or replace temp table looks_wanted as {looks.query}")
        wanted = prepared(lake, connection, replace(looks, query="from looks_wanted"), as_of, compose=compose)

        def query(bucket: int) -> str:
            return f"select * from ({compose(wanted, bucket=bucket)}) order by started_at, trial_id, as_of"

        return lake.write_buckets(connection, dataset, as_of, query)


def prepared(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    looks: Looks,
    as_of: datetime,
    *,
    until: date | None = None,
    compose: Compose = snapshots_query,
) -> Looks:
    """Do what is done once for all buckets; gives the looks without days that no trial reaches.

    Events are read from the first day on which one of a trial that is looked at can lie, to before `until`, the day of the last look.
    """
    wanted, since = reached(connection, looks)
    if compares(compose(wanted, bucket=0)):
        gather(lake, connection, wanted, before=as_of)
    lake.known(connection, [EVENTS], before=as_of, since=since, until=until)
    return wanted


@contextmanager
def knowing(lake: Lake, as_of: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the raw records known before `as_of`."""
    with lake.engine.connection() as connection:
        lake.known(connection, READ, before=as_of)
        yield connection

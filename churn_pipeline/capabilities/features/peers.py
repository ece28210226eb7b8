"""With whom the looks of a day are compared, gathered bucket by bucket before they are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.features.catalogue import FEATURES
from churn_pipeline.contracts.raw import EVENTS
from churn_pipeline.core.featurize import peers
from churn_pipeline.core.featurize.looks import Looks, reached_query
from churn_pipeline.core.featurize.query import snapshots_query

if TYPE_CHECKING:
    import duckdb

COMPARED = peers.compared(FEATURES)
COUNTED = tuple(
    feature for feature in FEATURES if feature.name in {name for pair in COMPARED for name in (pair.of, pair.segment)}
)
"""What has to be known of a peer."""


def gather(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    looks: Looks,
    *,
    before: datetime,
    gone_by: datetime | None = None,
) -> None:
    """Make the relation `peers` for some looks, out of the records that the connection sees: those known `before`, less what is deleted by then, or `gone_by`."""
    connection.execute(f"create or replace temp table peer_looks as {peers.peer_looks(looks)}")
    wanted, since = reached(connection, Looks("from peer_looks"))
    lake.known(connection, [EVENTS], before=before, since=since, gone_by=gone_by)
    for bucket in range(lake.buckets):
        looked = snapshots_query(wanted, features=COUNTED, named=(), bucket=bucket)
        into = "insert into tally" if bucket else "create or replace temp table tally as"
        connection.execute(f"{into} {peers.tally_query(looked, FEATURES)}")
    lake.known(connection, [EVENTS], before=before, gone_by=gone_by)
    connection.execute(f"create or replace temp table {peers.RELATION} as {peers.peers_query('from tally')}")


def reached(connection: duckdb.DuckDBPyConnection, looks: Looks) -> tuple[Looks, date | None]:
    """The looks without days that no trial reaches, and the first day on which an event of such a trial can lie."""
    rows = connection.execute(reached_query(looks)).fetchall()
    after, starts = ([row[place] for row in rows] for place in (0, 1))
    return replace(looks, after=tuple(after) or looks.after), min(starts, default=None)

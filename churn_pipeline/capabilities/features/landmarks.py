"""Looks at past trials, kept in parts and computed again only where something that they depend on has changed.

A part is the looks of one week at one bucket of trials. Its name carries a fingerprint of all that its rows depend on: the
definitions of the features and of what is known, the looks, and the state of each partition of records that these may read
(`core.featurize.depends`). So there is nothing to invalidate: a part of that name is there and right, or it is computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.records import known_query
from churn_pipeline.capabilities.features.snapshots import Compose, knowing, pieces
from churn_pipeline.contracts.features.own import Own
from churn_pipeline.contracts.lake import LANDMARK_SNAPSHOTS
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.clock import midnight, sql_instant
from churn_pipeline.core.featurize.depends import DEPENDS_ON, NO_BUCKET, Partitions
from churn_pipeline.core.featurize.looks import Looks, landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline.core.featurize.version import features_version

if TYPE_CHECKING:
    import duckdb

DATASET = LANDMARK_SNAPSHOTS.name
EPOCH = date(1970, 1, 1)
"""The week of no looks: a part of no rows, which has the columns."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a day of landmark snapshots consists of, and how many of its parts had to be computed."""

    rows: int
    parts: int
    computed: int


@dataclass(frozen=True, slots=True)
class Part:
    """The looks of a week at the trials of a bucket, which start on the day `since` or later; the last look is on the day `until`."""

    week: date
    bucket: int
    since: date
    until: date
    name: str


def write_landmark_snapshots(
    lake: Lake,
    as_of: datetime,
    landmarks: tuple[int, ...],
    *,
    own: Own = (),
    version: str = "",
    compose: Compose = snapshots_query,
) -> Written:
    """Look at every trial on its landmark days up to `as_of`, as far as it has not been looked at from the same records.

    `compose` makes the query of looks, given the `bucket`, and `version` stands for it; they are those of the registered features
    and of a user's `own`.
    """
    looks = landmark_looks(landmarks, sql_instant(as_of))
    stored = lake.parts(DATASET)
    with knowing(lake, as_of) as connection:
        wanted = _wanted(lake, connection, looks, as_of, version or features_version(own))
        missing = [part for part in wanted if not stored.has(part.name)]
        if missing:
            _compute(lake, connection, looks, missing, as_of, partial(compose, own=own) if own else compose)
        stored.publish(as_of, [part.name for part in wanted])
        (rows,) = connection.execute(f"select count(*) from ({lake.rows(DATASET, as_of)})").fetchall()[0]
    return Written(rows, parts=len(wanted), computed=len(missing))


def _wanted(
    lake: Lake, connection: duckdb.DuckDBPyConnection, looks: Looks, as_of: datetime, version: str
) -> list[Part]:
    """The parts of which the looks consist, each named by what it depends on."""
    # hashed twice and added, for columns that are hashed together are only combined by xor, which would cancel out
    connection.execute(
        "create or replace temp table looks_wanted as select trial_id, as_of, started_at, bucket, "
        f"cast(date_trunc('week', as_of) as date) as week, hash(hash(as_of, {', '.join(TRIALS.fixed)})) as print "
        f"from ({looks.query}) join trials using (trial_id)"
    )
    found = connection.execute(
        "select week, bucket, cast(min(started_at) as date), cast(max(as_of) as date), count(*) || '-' || sum(print) "
        "from looks_wanted group by week, bucket order by week, bucket"
    ).fetchall()
    states = [(d, _states(lake, connection, d.table, as_of)) for d in DEPENDS_ON]
    defined = [version, *(known_query(d.table, midnight(EPOCH)) for d in DEPENDS_ON)]

    def part(week: date, bucket: int, since: date, until: date, looked: str) -> Part:
        reads = [s for d, at in states for s in d.states(at, since=since, until=until, bucket=bucket)]
        fingerprint = hashlib.sha256("\n".join([*defined, looked, *reads]).encode()).hexdigest()[:20]
        return Part(week, bucket, since, until, f"{week}-{bucket}-{fingerprint}")

    parts = [part(*one) for one in found]
    return parts or [Part(EPOCH, 0, EPOCH, EPOCH, f"none-{version}")]


def _states(lake: Lake, connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime) -> Partitions:
    """The partitions of a raw table with their state; of trials also what never changes of those that started on a day.

    That is as it is known by `as_of`, whenever the version came that says it.
    """
    states = lake.partitions(connection, table, before=as_of)
    if table == TRIALS:
        facts = f"select cast(started_at as date), sum(hash(hash({', '.join(TRIALS.fixed)}))) from trials group by all"
        states |= {(day, NO_BUCKET): str(told) for day, told in connection.execute(facts).fetchall()}
    return states


def _compute(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    looks: Looks,
    parts: Sequence[Part],
    as_of: datetime,
    compose: Compose,
) -> None:
    """Compute parts and write them, one bucket of trials after the other."""
    named = ", ".join(f"(date '{part.week}', {part.bucket}, {quoted(part.name)})" for part in parts)
    # the first look at a trial comes along where another is missing, so that all lie where landmarks lie
    connection.execute(
        "create or replace temp table looks_missing as select trial_id, as_of, part from ("
        "select *, as_of = min(as_of) over trial as is_first, count(part) over trial as missing from looks_wanted "
        f"left join (values {named}) as parts(week, bucket, part) using (week, bucket) "
        "window trial as (partition by trial_id)) where part is not null or (is_first and missing > 0)"
    )
    until = max(part.until for part in parts)
    buckets = sorted({part.bucket for part in parts})
    wanted = replace(looks, query="select trial_id, as_of from looks_missing")
    seen = pieces(lake, connection, wanted, as_of, buckets=buckets, compose=compose, until=until)
    for bucket in buckets:
        queries = [
            f"select looked.*, part from ({query}) as looked join looks_missing using (trial_id, as_of) "
            "where part is not null order by part, started_at, trial_id, as_of"
            for of, query in seen
            if of == bucket
        ]
        names = [part.name for part in parts if part.bucket == bucket]
        with lake.beside() as folder:
            lake.parts(DATASET).write(connection, queries, names, beside=folder)

"""Whether any feature knows the future: past looks, computed now, against the same looks from what was known then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.capabilities.features.snapshots import READ
from churn_pipeline.contracts.features.own import OWN, Own
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import ATTRIBUTES, VERSION_AT, Looks, landmark_looks
from churn_pipeline.core.featurize.peers import compares
from churn_pipeline.core.featurize.query import snapshots_query

if TYPE_CHECKING:
    import duckdb


DAYS_BACK = 14
"""How far back the looks lie that are compared for a user's own features: most of the trials have gone on since."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """What was found: how many looks were compared, and of each column of a snapshot how many differ."""

    looks: int
    differing: Mapping[str, int]

    def __str__(self) -> str:
        """A sentence for people."""
        if not self.looks:
            return "nothing to compare: no past look"
        if not self.differing:
            return f"no feature knows the future: {self.looks:,} past looks are what they were"
        found = ", ".join(f"{column} ({looks:,})" for column, looks in self.differing.items())
        return f"of {self.looks:,} past looks some know what was not known then: {found}"


NOTHING_COMPARED = Foresight(0, {})
"""Where there is nothing that could know the future."""


def foresight(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    *,
    days: Sequence[datetime],
    now: datetime,
    landmarks: Sequence[int],
    compose: Callable[[Looks], str] = snapshots_query,
) -> Iterator[Foresight]:
    """Compare the landmark looks as of each of some midnights (`days`, at least one), computed from what is known before `now` and from what was known before it.

    The first are computed together with the looks of all other landmark days, as training does; the second midnight by midnight, as
    the daily job does, and compared as soon as they are. `compose` makes the query of looks. Until the last day has been told the connection sees the past,
    and is nobody else's.
    """
    later = landmark_looks(landmarks, sql_instant(now))
    lake.known(connection, READ, before=now)
    told = compose(later)
    if compares(told):
        gather(lake, connection, later, before=now)
    midnights = ", ".join(map(sql_instant, days))
    connection.execute(
        f"create or replace temp table looked_back as select * from ({told}) where as_of in ({midnights})"
    )
    for day in days:
        yield _compared(lake, connection, compose, then=day, now=now)


def _compared(
    lake: Lake, connection: duckdb.DuckDBPyConnection, compose: Callable[[Looks], str], *, then: datetime, now: datetime
) -> Foresight:
    """The looks of one midnight in table `looked_back` against the same from what was known before it."""
    back = f"(select * from looked_back where as_of = {sql_instant(then)})"
    connection.execute(f"create or replace temp table looked_at as select trial_id from {back}")
    columns = [column for column, *_ in connection.execute("describe looked_back").fetchall()]
    # what was deleted since was known then, and is no foresight
    lake.known(connection, READ, before=then, gone_by=now)
    _forget(connection, then)
    alone = Looks(f"select trial_id, {sql_instant(then)} as as_of from looked_at")
    told = compose(alone)
    if compares(told):
        gather(lake, connection, alone, before=then, gone_by=now)
    differing = ", ".join(f"count(*) filter ({_differs(c)})" for c in columns)
    rows = connection.execute(
        f"select count(*), {differing} from {back} a full join ({told}) b using (trial_id)"
    ).fetchall()
    looks, *counts = rows[0]
    return Foresight(looks, {column: n for column, n in zip(columns, counts, strict=True) if n})


def own_foresight(lake: Lake, own: Own, *, now: datetime, landmarks: Sequence[int]) -> Foresight:
    """The same for a user's `own` features alone, at trials of the first bucket, as of the day `DAYS_BACK` before `now`."""
    compose = partial(snapshots_query, features=(), named=(OWN,), own=own, bucket=0)
    with lake.engine.connection() as connection:
        days = [now - timedelta(days=DAYS_BACK)]
        (found,) = foresight(lake, connection, days=days, now=now, landmarks=landmarks, compose=compose)
    return found


def _differs(column: str) -> str:
    """SQL: whether a column of two looks differs; sums of a user's own may, in their last digits, with the order of the rows."""
    mine, other = f"a.{name(column)}", f"b.{name(column)}"
    if column != OWN.name:
        return f"{mine} is distinct from {other}"
    near = f"abs(one.value - {other}[one.key]) <= 1e-6 * greatest(abs(one.value), 1)"
    unlike = f"lambda one: one.value is distinct from {other}[one.key] and not coalesce({near}, false)"
    return f"{mine} is distinct from {other} and len(list_filter(map_entries({mine}), {unlike})) > 0"


def _forget(connection: duckdb.DuckDBPyConnection, then: datetime) -> None:
    """Take away what was not known before `then`: publications, and the versions of trials.

    Those are emptied only; that there are trials at all is known by their start.
    """
    publications = f"from indicators_history where published_at < {sql_instant(then)}"
    connection.execute(f"create or replace temp table publications_then as {publications}")
    connection.execute("create or replace temp view indicators_history as from publications_then")
    told = ", ".join(f"case when {VERSION_AT} < {sql_instant(then)} then {c} end as {c}" for c in ATTRIBUTES)
    connection.execute(f"create or replace temp table versions_then as select * replace ({told}) from trials_history")
    connection.execute("create or replace temp view trials_history as from versions_then")

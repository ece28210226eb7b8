"""With whom a look is compared: the trials that started in the four whole weeks before the week in which its own trial started.

Each peer counts with what it had at the same trial day, as known then: its own look. That look lies before the one that is
compared, because it started in an earlier week; so no look knows the future by its peers, and a landmark snapshot is compared with the same
trials as the snapshot of the daily job. Weeks begin on Mondays (UTC). Of each week of starts at most `MOST` trials are peers, drawn by a
hash of their id, so that what a day costs does not grow with the business.

All trials are peers, also those that have converted since: who is compared with whom does not depend on what became of anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churn_pipeline.contracts.features.feature import Feature, Peers
from churn_pipeline.core.featurize.looks import Looks

WEEKS = 4
MOST = 2_000
LEAST = 20
"""Peers below which nothing is compared."""
RELATION = "peers"
"""What a query with comparisons reads: `peers_query`, over the tally of all buckets."""


def peer_looks(looks: Looks) -> str:
    """SQL: trial_id, as_of: the peers of some looks, each at the trial days at which it is compared with."""
    return f"""with wanted as (
  select distinct date_trunc('week', started_at) as week, date_diff('day', cast(started_at as date), cast(as_of as date)) as trial_day
  from ({looks.query}) join trials using (trial_id)
),
drawn as (
  select trial_id, started_at, trial_days, date_trunc('week', started_at) as week from trials
  qualify row_number() over (partition by week order by md5(trial_id)) <= {MOST}
)
select distinct trial_id, date_trunc('day', started_at) + w.trial_day * interval 1 day as as_of
from drawn d join wanted w on w.week > d.week and w.week <= d.week + interval {7 * WEEKS} day and w.trial_day between 1 and d.trial_days"""


def tally_query(snapshots: str, features: Sequence[Feature]) -> str:
    """SQL: how many of the peers have which value: whole numbers, which add up over buckets in any order.

    `snapshots` is SQL that gives the looks at peers. Columns: compared (what with whom), segment, trial_day, week (of the start),
    value, n.
    """
    parts = [
        f"select '{peers.name}' as compared, {peers.segment} as segment, trial_day, week, cast({peers.of} as bigint) as value, "
        f"count(*) as n from looked where {peers.segment} is not null group by all"
        for peers in compared(features)
    ]
    return (
        f"with looked as (select *, date_trunc('week', started_at) as week from ({snapshots}))\n"
        + "\nunion all ".join(parts)
    )


def peers_query(tally: str) -> str:
    """SQL: for each week of starts whose trials are compared, and each value of their peers, how many have it and how many less.

    A row of value -1, which nobody has, stands below all others.
    """
    key = "compared, segment, trial_day, week"
    return f"""with gathered as (
  select compared, segment, trial_day, week + later * interval 7 day as week, value, sum(n) as n
  from ({tally}) cross join (values {", ".join(f"({later})" for later in range(1, WEEKS + 1))}) as weeks(later) group by all
),
floored as (from gathered union all select distinct {key}, -1, 0 from gathered)
select {key}, value, n, coalesce(sum(n) over (by_value rows between unbounded preceding and 1 preceding), 0) as below,
  sum(n) over whole as peers, sum(n * value) over whole as total, sum(n * value * value) over whole as squares
from floored
window whole as (partition by {key}), by_value as (partition by {key} order by value)
qualify peers >= {LEAST}"""


def told(features: Sequence[Feature], *, values: Mapping[str, str], joins: str) -> list[str]:
    """SQL: relation `against`, the features that compare at each look, and what it is made of.

    `values` says what each compared feature is in SQL, `joins` is what `seen` has to be joined to for that.
    """
    segments = dict.fromkeys(peers.segment for peers in compared(features))
    columns = (
        *(f"s.{segment}" for segment in segments),
        *(f"cast({sql} as bigint) as {of}" for of, sql in values.items()),
    )
    behaved = f"""behaved as materialized (
  select s.trial, s.after, s.trial_day, date_trunc('week', s.started_at) as week, {", ".join(columns)}
  from seen s{joins}
)"""
    joined = "".join(f"\n  left join {peers.name} using (trial, after)" for peers in compared(features))
    # in one narrow relation of their own: joined one by one, each join would carry all that is told of the looks along
    against = f"""against as materialized (
  select trial, after, {", ".join(f.name for f in features if isinstance(f.over, Peers))}
  from behaved{joined}
)"""
    return [
        behaved,
        *(_against(peers, [f for f in features if f.over == peers]) for peers in compared(features)),
        against,
    ]


def _against(peers: Peers, features: Sequence[Feature]) -> str:
    return f"""{peers.name} as (
  select trial, after, {", ".join(f"{f.sql} as {f.name}" for f in features)}
  from (
    select b.trial, b.after, b.{peers.of} as value, p.peers, p.total, p.squares,
      p.below + case when p.value < b.{peers.of} then p.n else 0 end as below, case when p.value = b.{peers.of} then p.n else 0 end as alike
    from behaved b asof join (from {RELATION} where compared = '{peers.name}') p
      on p.trial_day = b.trial_day and p.week = b.week and p.segment = b.{peers.segment} and b.{peers.of} >= p.value
  )
)"""


def compares(snapshots: str) -> bool:
    """Whether a query of looks reads `RELATION`, so that it has to be there."""
    return f"(from {RELATION} where" in snapshots


def compared(features: Sequence[Feature]) -> tuple[Peers, ...]:
    """What is compared with whom, among these features."""
    return tuple(dict.fromkeys(f.over for f in features if isinstance(f.over, Peers)))

"""What became of a trial, once its window has closed."""

from __future__ import annotations

import math


def labels_query(as_of: str, grace_days: int) -> str:
    """SQL: trial_id, converted, converted_at, matured_at of every trial whose label is mature at the instant `as_of`.

    Converted means that a subscription started within `trial_days` + `grace_days` of the start. The label is mature once
    that window has closed; trials still open at `as_of` (a SQL expression) have no row. Nor has a trial that did not convert
    as far as is known, but has a subscription in quarantine that may have begun within its window: nobody can say what
    became of it. Reads the relations `trials`, `subscriptions` and `rejected_subscriptions` (trial_id, known_at) as they
    were known before `as_of`.
    """
    return f"""
with closed as (
  select trial_id, started_at + (trial_days + {grace_days}) * interval 1 day as matured_at from trials
  where started_at + (trial_days + {grace_days}) * interval 1 day <= {as_of}
),
first_subscription as (select trial_id, min(started_at) as started_at from subscriptions group by trial_id)
select c.trial_id, coalesce(s.started_at < c.matured_at, false) as converted,
  case when s.started_at < c.matured_at then s.started_at end as converted_at, c.matured_at
from closed c left join first_subscription s using (trial_id)
where s.started_at < c.matured_at
  or not exists (select 1 from rejected_subscriptions r where r.trial_id = c.trial_id and r.known_at < c.matured_at)
"""


MILLION = 1_000_000
"""Lots that trials are drawn from."""


def drawn(trial: str, share: float) -> str:
    """SQL, with an `and` before it: a share of the trials by their id; empty where it is all of them.

    >>> drawn("trial_id", 0.5)
    " and md5_number_lower('training/' || trial_id) % 1000000 < 500000"
    """
    # another hash than that of the buckets of the lake, so that each of them is drawn from
    return (
        f" and md5_number_lower('training/' || {trial}) % {MILLION} < {math.floor(share * MILLION)}"
        if share < 1
        else ""
    )


def training_set_query(snapshots: str, labels: str, *, share: float = 1.0) -> str:
    """SQL: the landmark snapshots of matured trials with their label, without those that had converted by then.

    A trial that has converted is no longer scored, so it is not trained or judged on either: at each landmark only the
    trials at risk count (landmarking: van Houwelingen 2007, Scandinavian Journal of Statistics 34:70-85). Of the trials a `share` is drawn, whole
    and by their id: those of a smaller share are among those of a larger one.
    """
    return (
        f"select s.*, l.converted from ({snapshots}) s join ({labels}) l using (trial_id) "
        f"where (l.converted_at is null or l.converted_at >= s.as_of){drawn('trial_id', share)} order by s.started_at, s.trial_id, s.trial_day"
    )

"""The one definition of a snapshot: SQL over what was known, composed from the feature registry.

Training, batch scoring and replay all go through `snapshots_query`, so that a feature has one meaning. It reads these
relations and nothing else:

    looks        trial_id, as_of: which trial is looked at, as of when
    trials, events, touches, assignments    records with the moment they became known (`known_at`)
    trials_history                          every version of every trial

Every join to a record carries `known_at < as_of` (strictly): what arrived at or after the look does not exist for it.
The attributes of a trial are those of the newest version known before the look, whenever it is computed.
Each feature is a function of one trial, so cutting the trials into buckets changes no value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS
from churn_pipeline.contracts.features.feature import Feature, NamedCounts
from churn_pipeline.contracts.lake import SNAPSHOT_KEYS
from churn_pipeline.contracts.raw import TRIALS

KEYS = tuple(column.name for column in SNAPSHOT_KEYS)
ATTRIBUTES = tuple(name for name in TRIALS.names if name not in (*TRIALS.fixed, TRIALS.versioned_by))
"""Columns of a trial that may change while it runs."""

VERSION_AT = "coalesce(updated_at, started_at)"
# of two versions of one moment the one that says no counts
WITHDRAWN = (
    "select trial_id from (select trial_id, consent_profiling from trials_history qualify row_number() over "
    f"(partition by trial_id order by {VERSION_AT} desc, coalesce(consent_profiling, true)) = 1) "
    "where consent_profiling = false"
)


def landmark_looks(landmarks: Sequence[int], until: str) -> str:
    """SQL: every trial at its landmark days, as far as they lie not after the instant `until` (a SQL expression).

    Label-blind: which days a trial is looked at depends on its start and planned length alone.
    """
    days = ", ".join(f"({day})" for day in sorted(set(landmarks)))
    return (
        "select trial_id, date_trunc('day', started_at) + day * interval 1 day as as_of "
        f"from trials cross join (values {days}) as landmark(day) "
        f"where day <= trial_days and date_trunc('day', started_at) + day * interval 1 day <= {until}"
    )


def running_looks(as_of: str) -> str:
    """SQL: every trial that runs at the instant `as_of` (a SQL expression), has not converted and may be profiled.

    Consent counts as it stands today, also when a past day is scored again: who withdrew it is not profiled any more.
    `trials_history` gives every version of every trial.
    """
    return (
        f"select trial_id, {as_of} as as_of from trials "
        f"where started_at < {as_of} "
        f"and date_diff('day', cast(started_at as date), cast({as_of} as date)) <= trial_days "
        f"and trial_id not in (select trial_id from subscriptions where started_at < {as_of}) "
        f"and trial_id not in ({WITHDRAWN})"
    )


def snapshots_query(looks: str, *, bucket: int | None = None) -> str:
    """SQL: one row per look, with the columns of `SNAPSHOTS`: its keys, every registered feature and the maps of named counts.

    `looks` is a query giving trial_id and as_of; `bucket` restricts the work to one bucket of trials. Counts are 0
    where nothing is known yet, everything else is null there.
    """
    of_bucket = "" if bucket is None else f" and t.bucket = {bucket}"
    events = [f for f in FEATURES if f.source == "event"]
    touches = [f for f in FEATURES if f.source == "touch"]
    trial = [f for f in FEATURES if f.source == "trial" and f.name not in KEYS]
    return f"""
with looks as ({looks}),
versions as (
  select *, {VERSION_AT} as version_at from trials_history
  qualify row_number() over (partition by trial_id, {VERSION_AT} order by updated_at desc nulls last) = 1
),
existing as (
  select l.as_of, {", ".join(f"t.{name}" for name in TRIALS.fixed)},
    date_diff('day', cast(t.started_at as date), cast(l.as_of as date)) as trial_day
  from looks l join trials t on t.trial_id = l.trial_id and t.known_at < l.as_of{of_bucket}
),
seen as materialized (
  select row_number() over () as look, x.*, v.version_at is not null as attributes_known,
    {", ".join(f"v.{name}" for name in ATTRIBUTES)}
  from existing x asof left join versions v on v.trial_id = x.trial_id and x.as_of > v.version_at
),
done as (
  select s.look, s.as_of, s.started_at, s.trial_day, e.* exclude (trial_id, known_at, bucket)
  from seen s join events e on e.trial_id = s.trial_id and e.known_at < s.as_of{_same_bucket("e", bucket)}
),
usage as (select look, {_aggregates(events)} from done group by look),
{", ".join(_named(counts) for counts in NAMED_COUNTS)},
sent as (
  select s.look, s.as_of, c.* exclude (trial_id, known_at, bucket)
  from seen s join touches c on c.trial_id = s.trial_id and c.known_at < s.as_of{_same_bucket("c", bucket)}
),
contact as (select look, {_aggregates(touches)} from sent group by look),
arms as (
  select s.look, cast(to_json(map_from_entries(list((a.experiment_id, a.arm) order by a.experiment_id))) as varchar) as assigned
  from seen s join assignments a on a.trial_id = s.trial_id and a.known_at < s.as_of{_same_bucket("a", bucket)}
  group by s.look
)
select s.trial_id, s.account_id, s.as_of, s.started_at, s.trial_days, s.trial_day, s.attributes_known, arms.assigned,
  {_taken(events, "usage")},
  {_taken(trial, None)},
  {_taken(touches, "contact")},
  {", ".join(f"{counts.name}_.counts as {counts.name}" for counts in NAMED_COUNTS)}
from seen s
left join usage using (look)
{" ".join(f"left join {counts.name} as {counts.name}_ using (look)" for counts in NAMED_COUNTS)}
left join contact using (look)
left join arms using (look)
"""


def features_version() -> str:
    """Fingerprint of the feature definitions: it changes when any of them, or the way they are composed, changes."""
    text = snapshots_query("looks") + repr([(f.name, f.kind, f.sql) for f in FEATURES])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _same_bucket(alias: str, bucket: int | None) -> str:
    return "" if bucket is None else f" and {alias}.bucket = {bucket}"


def _aggregates(features: Sequence[Feature]) -> str:
    return ",\n  ".join(f"{f.sql} as {f.name}" for f in features)


def _taken(features: Sequence[Feature], relation: str | None) -> str:
    """The features as columns of the snapshot; one that has no meaning for null is 0 where nothing is known."""
    return ",\n  ".join(f"{_typed(f, f'{relation}.{f.name}' if relation else f.sql)} as {f.name}" for f in features)


def _typed(feature: Feature, expression: str) -> str:
    if feature.kind == "category":
        return f"cast({expression} as varchar)"
    number = f"cast({expression} as double)"
    return number if feature.absent else f"coalesce({number}, 0)"


def _named(counts: NamedCounts) -> str:
    return (
        f"{counts.name} as (select look, map_from_entries(list((named, n) order by named)) as counts from "
        f"(select look, {counts.column} as named, count(*) as n from done where {counts.column} is not null "
        "group by all) group by look)"
    )

"""What a look knows: one SQL over the records, composed from the feature registry.

Training, batch scoring and replay all go through `snapshots_query`, so that a feature has one meaning. It reads these
relations and nothing else:

    trials, events, touches, assignments    records with the moment they became known (`known_at`)
    trials_history                          every version of every trial

It goes in four steps (decision 0011):

    1. `looked`: the trials, numbered; `seen`: the looks, with the trial as it was known by each of them.
    2. `acts`, `sent`: each record once, with its trial's number and two small integers: the `day` on which it happened and
       the day on which it became known (`known_on`). Days are counted from the first look at the trial: day -1 is the 24
       hours before it. So a look `a` days later knows what has `known_on < a`, strictly: what arrived at or after the look
       does not exist for it. Microseconds (`moment`) are counted from the first look as well.
    3. One relation for each `Grain`: a row for each key of a trial, each measure once for every look.
    4. For each look the aggregates over the keys that it knows, and at last what is computed from those.

The attributes of a trial are those of the newest version known before the look, whenever it is computed.
Each feature is a function of one trial, so cutting the trials into buckets changes no value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from churn_pipeline.contracts.features.catalogue import NAMED_COUNTS, REGISTERED
from churn_pipeline.contracts.features.feature import Feature, Grain, NamedCounts
from churn_pipeline.contracts.lake import SNAPSHOT_KEYS
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.core.featurize.looks import VERSION_AT, Looks

KEYS = tuple(column.name for column in SNAPSHOT_KEYS)
ATTRIBUTES = tuple(name for name in TRIALS.names if name not in (*TRIALS.fixed, TRIALS.versioned_by))
"""Columns of a trial that may change while it runs."""

DAY = 86_400_000_000
"""Microseconds."""
COMMA = ",\n"


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a trial as the grains see them: `columns` beside trial, moment, day and known_on, over the table as r."""

    name: str
    table: str
    happened: str
    columns: Mapping[str, str]


ACTS = Records(
    "acts",
    "events",
    "occurred_at",
    {
        "user_id": "r.user_id",
        "session_id": "r.session_id",
        "event_name": "r.event_name",
        "feature": "r.feature",
        "value": "r.value",
        # greatest and least pass over a null
        "millionths": "case when r.value is not null "
        "then cast(round(greatest(least(r.value, 1e12), -1e12) * 1e6) as bigint) end",
    },
)
SENT = Records("sent", "touches", "sent_at", {"kind": "r.kind"})
COUNTED = ("n", "count(*)")


def _since(moment: str) -> str:
    """SQL: microseconds from the first look to a moment."""
    return f"epoch_us({moment}) - zero"


def _day(moment: str) -> str:
    """SQL: the day of a moment, counted from the first look; a division of what is never negative, so that it rounds down."""
    return f"cast(({_since(moment)} + {1000 * DAY}) // {DAY} - 1000 as smallint)"


def snapshots_query(
    looks: Looks,
    *,
    features: Sequence[Feature] = REGISTERED,
    named: Sequence[NamedCounts] = NAMED_COUNTS,
    bucket: int | None = None,
) -> str:
    """SQL: one row per look, with the columns of `SNAPSHOTS`: its keys, the features and the maps of named counts.

    `bucket` restricts the work to one bucket of trials. Counts are 0 where nothing is known yet, everything else is null
    there. A record counts from the day of the start of its trial (UTC) on.
    """
    parts = _parts(features, named)
    relations = (
        _trials(looks, bucket),
        *_records(parts, bucket),
        *(text for part in parts for text in (part.measured(looks.after), part.told(looks.after))),
        _arms(bucket),
        _known(parts),
    )
    shown = [f for f in features if not f.hidden and f.name not in KEYS]
    columns = (
        *KEYS,
        *(f.name if f.over else f"{_typed(f, f.sql)} as {f.name}" for f in shown),
        *(c.name for c in named),
    )
    return f"with {COMMA.join(relations)}\nselect {', '.join(columns)}\nfrom known"


def features_version() -> str:
    """Fingerprint of the feature definitions: it changes when any of them, or the way they are composed, changes."""
    text = snapshots_query(Looks("looks")) + repr([(f.name, f.kind, f.sql) for f in REGISTERED])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _trials(looks: Looks, bucket: int | None) -> str:
    """SQL: step 1. Looks that do not lie where `looks.after` says are refused, since nothing would be counted for them."""
    days = ", ".join(map(str, looks.after))
    return f"""existing as (
  select l.as_of, {", ".join(f"t.{name}" for name in TRIALS.fixed)}
  from ({looks.query}) l join trials t on t.trial_id = l.trial_id and t.known_at < l.as_of{_same(bucket, "t")}
),
looked as materialized (
  select cast(row_number() over () as integer) as trial, trial_id, min(as_of) as first_look, max(as_of) as last_look,
    epoch_us(min(as_of)) as zero, date_trunc('day', any_value(started_at)) as opens
  from existing group by trial_id
),
versions as (
  select *, {VERSION_AT} as version_at from trials_history
  qualify row_number() over (partition by trial_id, {VERSION_AT} order by updated_at desc nulls last) = 1
),
seen as materialized (
  select k.trial, x.*, date_diff('day', cast(x.started_at as date), cast(x.as_of as date)) as trial_day,
    {_since("x.started_at")} as began,
    case when ({_since("x.as_of")}) % {DAY} = 0 and ({_since("x.as_of")}) // {DAY} in ({days}) then ({_since("x.as_of")}) // {DAY}
      else error('a look at ' || x.trial_id || ' lies none of {days} days after its first one') end as after,
    v.version_at is not null as attributes_known, {", ".join(f"v.{name}" for name in ATTRIBUTES)}
  from existing x join looked k using (trial_id)
  asof left join versions v on v.trial_id = x.trial_id and x.as_of > v.version_at
)"""


def _records(parts: Sequence[_Part], bucket: int | None) -> list[str]:
    """SQL: step 2, the relations of records that the grains count, with the columns that they use."""
    read: dict[str, set[str]] = {}
    for part in parts:
        read.setdefault(part.grain.of, set()).update(part.words)
    return [_record(table, read[table.name], bucket) for table in (ACTS, SENT) if table.name in read]


def _record(records: Records, words: set[str], bucket: int | None) -> str:
    used = "".join(f",\n    {sql} as {name}" for name, sql in records.columns.items() if name in words)
    happened = f"r.{records.happened}"
    return f"""{records.name} as materialized (
  select trial, {_since(happened)} as moment, {_day(happened)} as day, {_day("r.known_at")} as known_on{used}
  from {records.table} r join looked using (trial_id)
  where {happened} >= opens and r.known_at < last_look{_same(bucket, "r")}
)"""


def _arms(bucket: int | None) -> str:
    return f"""arms as (
  select s.trial, s.after, cast(to_json(map_from_entries(list((a.experiment_id, a.arm) order by a.experiment_id))) as varchar) as assigned
  from seen s join assignments a on a.trial_id = s.trial_id and a.known_at < s.as_of{_same(bucket, "a")}
  group by all
)"""


def _known(parts: Sequence[_Part]) -> str:
    """SQL: the looks with everything that is told of them."""
    told = "".join(f"\n  left join {part.name}_told as {part.name} using (trial, after)" for part in parts)
    return f"""known as (
  select s.*, arms.assigned, {", ".join(part.taken for part in parts)}
  from seen s{told}
  left join arms using (trial, after)
)"""


@dataclass(frozen=True, slots=True)
class _Part:
    """A grain with all that is told of it at a look."""

    grain: Grain
    features: tuple[Feature, ...]
    named: tuple[NamedCounts, ...]

    @property
    def name(self) -> str:
        return self.grain.name

    @property
    def measures(self) -> tuple[tuple[str, str], ...]:
        """The measures that a feature uses, and the count."""
        told = _words(feature.sql for feature in self.features)
        return (COUNTED, *(measure for measure in self.grain.measures if measure[0] in told))

    @property
    def words(self) -> set[str]:
        """The columns of the records that it uses, among other words."""
        return {self.grain.key} | _words(sql for _, sql in self.measures)

    def measured(self, after: Sequence[int]) -> str:
        """SQL: step 3, a row for each key of a trial."""
        # what is known by the last look needs no filter: `acts` and `sent` hold nothing else
        filters = {a: f" filter (known_on < {a})" if a != after[-1] else "" for a in after}
        columns = [f"{sql}{filters[a]} as {name}_{a}" for name, sql in self.measures for a in after]
        return f"""{self.name}_measured as materialized (
  select trial, {self.grain.key}, {", ".join(columns)}
  from {self.grain.of} where {self.grain.key} is not null group by trial, {self.grain.key}
)"""

    def told(self, after: Sequence[int]) -> str:
        """SQL: step 4, for each look the aggregates over the keys that it knows."""
        aggregates = [
            *(f"{feature.sql} as {feature.name}" for feature in self.features),
            *(f"map_from_entries(list_sort(list(({counts.over.key}, n)))) as {counts.name}" for counts in self.named),
        ]
        unrolled = [f"unnest([{', '.join(f'{name}_{a}' for a in after)}]) as {name}" for name, _ in self.measures]
        days = f"unnest([{', '.join(map(str, after))}]) as today"
        return f"""{self.name}_told as (
  select trial, today as after,
    {", ".join(aggregates)}
  from (select *, today * {DAY} as now from (select trial, {self.grain.key}, {days}, {", ".join(unrolled)} from {self.name}_measured))
  where n > 0 group by trial, today
)"""

    @property
    def taken(self) -> str:
        """SQL: its columns of a look."""
        return ", ".join(
            (
                *(f"{_typed(f, f'{self.name}.{f.name}')} as {f.name}" for f in self.features),
                *(f"{self.name}.{counts.name} as {counts.name}" for counts in self.named),
            )
        )


def _parts(features: Sequence[Feature], named: Sequence[NamedCounts]) -> tuple[_Part, ...]:
    over = (*(f.over for f in features if f.over), *(c.over for c in named))
    grains = {grain.name: grain for grain in over}
    return tuple(
        _Part(grain, tuple(f for f in features if f.over == grain), tuple(c for c in named if c.over == grain))
        for grain in grains.values()
    )


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def _same(bucket: int | None, alias: str) -> str:
    return "" if bucket is None else f" and {alias}.bucket = {bucket}"


def _typed(feature: Feature, expression: str) -> str:
    if feature.hidden:
        return expression
    if feature.kind == "category":
        return f"cast({expression} as varchar)"
    number = f"cast({expression} as double)"
    return number if feature.absent else f"coalesce({number}, 0)"

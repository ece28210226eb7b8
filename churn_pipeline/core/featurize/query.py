"""What a look knows: one SQL over the records, composed from the feature registry.

Training, batch scoring and replay all go through `snapshots_query`, so that a feature has one meaning. It reads these
relations and nothing else:

    trials, events, touches, assignments    records with the moment they became known (`known_at`)
    trials_history                          every version of every trial
    indicators, indicators_history          the values there are, and every publication of them
    peers                                   with whom looks are compared (`core.featurize.peers`)

It goes in four steps (decision 0011):

    1. `looked`: the trials, numbered; `seen`: the looks, with the trial as it was known by each of them.
    2. `acts`, `sent`: each record once, with its trial's number and two small integers: the `day` on which it happened and
       the day on which it became known (`known_on`). Days are counted from the first look at the trial: day -1 is the 24
       hours before it. So a look `a` days later knows what has `known_on < a`, strictly: what arrived at or after the look
       does not exist for it. Microseconds (`moment`) are counted from the first look as well.
    3. One relation for each `Grain`: a row for each key of a trial, each measure once for every look; of a dense grain, where there
       are several looks, out of one row for each key and day of arrival.
    4. For each look the aggregates over the keys that it knows, and at last what is computed from those.

The attributes of a trial are those of the newest version known before the look, whenever it is computed.
Each feature is a function of one trial, so cutting the trials into buckets changes no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from churn_pipeline.contracts.features.catalogue import NAMED, REGISTERED
from churn_pipeline.contracts.features.economy import INDICATOR_VALUES
from churn_pipeline.contracts.features.feature import Feature, Grain, Named, NamedCounts, NamedValues, Peers
from churn_pipeline.contracts.features.own import OWN, Own
from churn_pipeline.contracts.features.pairs import commonest, spelt
from churn_pipeline.contracts.lake import SNAPSHOT_KEYS
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.core.clock import DAY
from churn_pipeline.core.featurize import indicators, own_features, peers
from churn_pipeline.core.featurize.looks import ATTRIBUTES, VERSION_AT, Looks
from churn_pipeline.core.featurize.moves import DERIVED

KEYS = tuple(column.name for column in SNAPSHOT_KEYS)

COMMA = ",\n"
COMMA_BELOW = ",\n    "


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a trial as the grains see them: `columns` beside trial, moment, day and known_on, over the table as r."""

    table: str
    happened: str
    columns: Mapping[str, str]


READ: Mapping[str, Records] = {
    "acts": Records(
        "events",
        "occurred_at",
        {
            # only told apart, never shown
            "user_id": "case when r.user_id is not null then hash(r.user_id) end",
            "session_id": "case when r.session_id is not null then hash(r.session_id) end",
            "event_name": "r.event_name",
            "feature": "r.feature",
            "step": "coalesce(r.feature, r.event_name)",
            "value": "r.value",
            # greatest and least pass over a null
            "millionths": "case when r.value is not null "
            "then cast(round(greatest(least(r.value, 1e12), -1e12) * 1e6) as bigint) end",
            "hour_of_day": f"cast(epoch_us(r.occurred_at) // {DAY // 24} % 24 as tinyint)",
            # microseconds into the day on which it became known
            "arrived": f"(epoch_us(r.known_at) - zero + {1000 * DAY}) % {DAY}",
        },
    ),
    "sent": Records("touches", "sent_at", {"kind": "r.kind"}),
}
"""What is read from the lake."""
COUNTED = ("n", "count(*)")
TOGETHER = {"count": "sum({})", "sum": "sum({})", "min": "min({})", "max": "max({})"}
"""How a measure of parts is made of the measures of the parts."""


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
    named: Sequence[Named] = NAMED,
    own: Own = (),
    bucket: int | None = None,
) -> str:
    """SQL: one row per look, with the columns of `SNAPSHOTS`: its keys, the features and the maps by name.

    `own` are features of a user's own. `bucket` restricts the work to one bucket of trials. Counts are 0 where nothing is known yet, everything else is null
    there. A record counts from the day of the start of its trial (UTC) on.
    """
    parts = _parts(features, [told for told in named if told.over])
    economy, owned = INDICATOR_VALUES in named, OWN in named
    relations = (
        _trials(looks, bucket),
        *_records(parts, bucket),
        *(text for part in parts for text in (part.measured(looks.after), part.told(looks.after))),
        _arms(bucket),
        *((indicators.TOLD,) if economy else ()),
        *(own_features.told(own, same=_same(bucket, "r")) if owned and own else ()),
        *_compared(parts, features),
        _known(parts, features, economy=economy, own=own if owned else None),
    )
    shown = [f for f in features if not f.hidden and f.name not in KEYS]
    columns = (
        *KEYS,
        *(f.name if f.over else f"{_typed(f, f.sql)} as {f.name}" for f in shown),
        *map(_shown, named),
    )
    spelling = " cross join spelling" if any(part.grain.between for part in parts) else ""
    return f"with {COMMA.join(relations)}\nselect {', '.join(columns)}\nfrom known{spelling}"


def _trials(looks: Looks, bucket: int | None) -> str:
    """SQL: step 1. Looks that do not lie where `looks.after` says are refused, since nothing would be counted for them."""
    days = ", ".join(map(str, looks.after))
    return f"""existing as (
  select l.as_of, {", ".join(f"t.{name}" for name in TRIALS.fixed)}
  from ({looks.query}) l join trials t on t.trial_id = l.trial_id and t.known_at < l.as_of{_same(bucket, "t")}
),
looked as materialized (
  select cast(row_number() over () as integer) as trial, trial_id, min(as_of) as first_look, max(as_of) as last_look,
    epoch_us(min(as_of)) as zero, epoch_us(any_value(started_at)) - zero as began, date_trunc('day', any_value(started_at)) as opens
  from existing group by trial_id
),
versions as (
  select *, lead(version_at) over (partition by trial_id order by version_at) as next_at from (
    select *, {VERSION_AT} as version_at from trials_history v where trial_id in (select trial_id from looked){_same(bucket, "v")}
    qualify row_number() over (partition by trial_id, {VERSION_AT} order by updated_at desc nulls last) = 1
  )
),
seen as materialized (
  select k.trial, x.*, date_diff('day', cast(x.started_at as date), cast(x.as_of as date)) as trial_day,
    case when ({_since("x.as_of")}) % {DAY} = 0 and ({_since("x.as_of")}) // {DAY} in ({days}) then ({_since("x.as_of")}) // {DAY}
      else error('a look at ' || x.trial_id || ' lies none of {days} days after its first one') end as after,
    v.version_at is not null as attributes_known, {", ".join(f"v.{name}" for name in ATTRIBUTES)}
  from existing x join looked k using (trial_id)
  left join versions v on v.trial_id = x.trial_id and x.as_of > v.version_at and (v.next_at is null or x.as_of <= v.next_at)
)"""


def _records(parts: Sequence[_Part], bucket: int | None) -> list[str]:
    """SQL: step 2, the relations that the grains count, with the columns that they use."""
    words = {word for part in parts for word in part.words}
    derived: list[str] = []
    for name, text in reversed(DERIVED.items()):
        if name in words:
            derived.insert(0, text)
            words |= _words([text])
    return [*(_record(name, words, bucket) for name in READ if name in words), *derived]


def _record(name: str, words: set[str], bucket: int | None) -> str:
    records = READ[name]
    used = "".join(f",\n    {sql} as {column}" for column, sql in records.columns.items() if column in words)
    happened = f"r.{records.happened}"
    return f"""{name} as materialized (
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


def _compared(parts: Sequence[_Part], features: Sequence[Feature]) -> list[str]:
    """SQL: the looks against their peers."""
    of = {wanted.of for wanted in peers.compared(features)}
    sources = [part for part in parts if of & {f.name for f in part.features}]
    values = {f.name: _typed(f, f"{part.name}.{f.name}") for part in sources for f in part.features if f.name in of}
    return (
        peers.told(features, values=values, joins=_joined(f"{part.name}_told as {part.name}" for part in sources))
        if of
        else []
    )


def _known(parts: Sequence[_Part], features: Sequence[Feature], *, economy: bool, own: Own | None) -> str:
    """SQL: the looks with everything that is told of them."""
    values = (
        *((INDICATOR_VALUES.name,) if economy else ()),
        *(() if own is None else (OWN.name if own else own_features.NOTHING,)),
    )
    against = [f for f in features if isinstance(f.over, Peers)]
    told = (
        *(f"{part.name}_told as {part.name}" for part in parts),
        *(("against",) if against else ()),
        *(("own_told",) if own else ()),
    )
    compared = (f"{_typed(f, f'against.{f.name}')} as {f.name}" for f in against)
    published = "\n  left join economy using (sector, as_of)" if economy else ""
    return f"""known as (
  select s.*, arms.assigned, {", ".join((*(part.taken for part in parts), *compared, *values))}
  from seen s{_joined(told)}{published}
  left join arms using (trial, after)
)"""


def _joined(told: Iterable[str]) -> str:
    return "".join(f"\n  left join {relation} using (trial, after)" for relation in told)


@dataclass(frozen=True, slots=True)
class _Part:
    """A grain with all that is told of it at a look."""

    grain: Grain
    features: tuple[Feature, ...]
    named: tuple[Named, ...]

    @property
    def name(self) -> str:
        return self.grain.name

    @property
    def measures(self) -> tuple[tuple[str, str], ...]:
        """The measures that a feature uses, and the count."""
        told = _words((*(f.sql for f in self.features), *(v.sql for v in self.named if isinstance(v, NamedValues))))
        return (COUNTED, *(measure for measure in self.grain.measures if measure[0] in told))

    @property
    def words(self) -> set[str]:
        """The relation of records and the columns of it that it uses, among other words."""
        return {self.grain.of, self.grain.key} | _words(sql for _, sql in self.measures)

    def measured(self, after: Sequence[int]) -> str:
        """SQL: step 3, a row for each key of a trial, or where records are put together by day of arrival, for each look at it."""
        key, measures = self.grain.key, self.measures
        if self._by_arrival(after):
            of_a_day = ", ".join(f"{sql} as {name}" for name, sql in measures)
            columns = ["today", *(f"{_together(name, sql)} as {name}" for name, sql in measures)]
            records = f"""(
    select trial, {key}, known_on, {of_a_day} from {self.grain.of} where {key} is not null group by trial, {key}, known_on
  ) join (values {", ".join(f"({a})" for a in after)}) as looks(today) on known_on < today"""
            return f"""{self.name}_measured as materialized (
  select trial, {key}, {", ".join(columns)}
  from {records} group by trial, {key}, today
)"""
        # what is known by the last look needs no filter: `acts` and `sent` hold nothing else
        filters = {a: f" filter (known_on < {a})" if a != after[-1] else "" for a in after}
        columns = [f"{sql}{filters[a]} as {name}_{a}" for name, sql in measures for a in after]
        return f"""{self.name}_measured as materialized (
  select trial, {key}, {", ".join(columns)}
  from {self.grain.of} where {key} is not null group by trial, {key}
)"""

    def told(self, after: Sequence[int]) -> str:
        """SQL: step 4, for each look the aggregates over the keys that it knows."""
        aggregates = [
            *(f"{feature.sql} as {feature.name}" for feature in self.features),
            *(f"{_map(told)} as {told.name}" for told in self.named),
        ]
        began = " join looked using (trial)" if "began" in _words(aggregates) else ""
        spelling = " cross join spelling" if self.grain.between else ""
        return f"""{self.name}_told as (
  select trial, today as after,
    {COMMA_BELOW.join(aggregates)}
  from (
    {self._by_look(after)}
  ){began}{spelling}
  group by trial, today
)"""

    def _by_look(self, after: Sequence[int]) -> str:
        """SQL: the keys that each look knows, with the measures of what was known by then."""
        if self._by_arrival(after):
            return f"select *, today * {DAY} as now from {self.name}_measured"
        each = [f"unnest([{', '.join(f'{name}_{a}' for a in after)}]) as {name}" for name, _ in self.measures]
        return f"""select * from (
      select trial, {self.grain.key}, unnest([{", ".join(map(str, after))}]) as today, today * {DAY} as now,
        {", ".join(each)}
      from {self.name}_measured
    ) where n > 0"""

    def _by_arrival(self, after: Sequence[int]) -> bool:
        """Whether records are first put together by their day of arrival."""
        return self.grain.dense and len(after) > 1

    @property
    def taken(self) -> str:
        """SQL: its columns of a look."""
        return ", ".join(
            (
                *(f"{_typed(f, f'{self.name}.{f.name}')} as {f.name}" for f in self.features),
                *(f"{self.name}.{counts.name} as {counts.name}" for counts in self.named),
            )
        )


def _parts(features: Sequence[Feature], named: Sequence[Named]) -> tuple[_Part, ...]:
    over = (*(f.grain for f in features if f.grain), *(told.over for told in named if told.over))
    grains = {grain.name: grain for grain in over}
    return tuple(
        _Part(grain, tuple(f for f in features if f.over == grain), tuple(c for c in named if c.over == grain))
        for grain in grains.values()
    )


def _together(name: str, sql: str) -> str:
    """SQL: a measure of several parts, of the same of each part (column `name`)."""
    call = sql.partition("(")[0]
    if call not in TOGETHER:
        raise ValueError(f"measure {name}: {sql} cannot be put together of parts; allowed: {', '.join(TOGETHER)}")
    return TOGETHER[call].format(name)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def _map(told: Named) -> str:
    """SQL: from name to number, by name; of a grain of pairs the commonest, as yet without their words (`_shown`)."""
    assert told.over, told.name
    if isinstance(told, NamedCounts) and told.most:
        return commonest(told.over, told.most)
    number = told.sql if isinstance(told, NamedValues) else "n"
    return f"map_from_entries(list_sort(list(({told.over.key}, {number}))))"


def _shown(told: Named) -> str:
    """SQL: a map from name to number as a column of the snapshot."""
    if isinstance(told, NamedCounts) and told.most:
        return f"{spelt(told.name, told.over)} as {told.name}"
    return told.name


def _same(bucket: int | None, alias: str) -> str:
    return "" if bucket is None else f" and {alias}.bucket = {bucket}"


def _typed(feature: Feature, expression: str) -> str:
    if feature.hidden:
        return expression
    if feature.kind == "category":
        return f"cast({expression} as varchar)"
    number = f"cast({expression} as double)"
    return number if feature.absent else f"coalesce({number}, 0)"

"""The reference set of 29 features: out of grains (the project's own, but the ten names are counted within the days), and as the
obvious SQL, pandas and Polars write it.

Days are midnights UTC; an event is visible if the day it became known lies before the day of the look. The obvious SQL
joins every event to every look at it and is the oracle: every other plan has to give its values bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churn_pipeline.contracts.features.expressions import hours, last
from churn_pipeline.contracts.features.feature import Feature, Grain
from churn_pipeline.contracts.features.grains import FEATURES_USED, SESSIONS, USERS
from churn_pipeline.contracts.features.pairs import pair_words, ranked, times
from churn_pipeline.core.featurize.moves import DERIVED, following

LANDMARKS = (1, 3, 7, 10, 14)
TOP = tuple(f"event_{number:02d}" for number in range(10))
BIGRAMS = Grain("bigrams", key="bigram", of="name_moves", between=">")
# moves from one event name to the next, which no feature of the project counts
DERIVED |= following("name_moves", word="event_name", key="bigram")
DAYS_BY_NAME = Grain(
    "days_by_name",
    key="day",
    measures=(
        ("last_at", "max(moment)"),
        *((f"of_{name}", f"count(*) filter (event_name = '{name}')") for name in TOP),
    ),
    dense=True,
)
ENTROPY = (
    "round(ln(cast(sum(n) as double)) - cast(sum(cast(round(n * ln(n) * 1e6) as bigint)) as double) / 1e6 / sum(n), 9)"
)


def _number(name: str, over: Grain | None, sql: str, absent: str = "") -> Feature:
    return Feature(name, "reference", "", sql, "", over=over, absent=absent)


def _word(name: str, sql: str) -> Feature:
    return Feature(name, "reference", "", sql, "", kind="category", absent="none")


REFERENCE = (
    _number("n_total", DAYS_BY_NAME, "sum(n)"),
    *(_number(f"n_{days}d", DAYS_BY_NAME, last(days)) for days in (1, 3, 7)),
    _number("velocity", DAYS_BY_NAME, f"{last(1)} - {last(1, after=1)}"),
    _number("momentum", DAYS_BY_NAME, f"{last(3)} - {last(3, after=3)}"),
    *(_number(f"n_{name}", DAYS_BY_NAME, f"sum(of_{name})") for name in TOP),
    _number("n_features", FEATURES_USED, "count(*)"),
    _number("n_users", USERS, "count(*)"),
    _number("n_sessions", SESSIONS, "count(*)"),
    _number("active_days", DAYS_BY_NAME, "count(*)"),
    _number("recency_hours", DAYS_BY_NAME, hours("any_value(now) - max(last_at)"), "none"),
    _number("entropy", FEATURES_USED, ENTROPY, "none"),
    _number("hours_since_new", FEATURES_USED, hours("any_value(now) - max(first_at)"), "none"),
    _number(
        "mean_first_gap", FEATURES_USED, f"{hours('max(first_at) - min(first_at)')} / nullif(count(*) - 1, 0)", "none"
    ),
    Feature("top", "reference", "", f"max({ranked(BIGRAMS)}, 2)", "", over=BIGRAMS, hidden=True),
    _word("bigram_1", pair_words("top[1]", BIGRAMS)),
    _number("bigram_1_n", None, times("top[1]"), "none"),
    _word("bigram_2", pair_words("top[2]", BIGRAMS)),
    _number("bigram_2_n", None, times("top[2]"), "none"),
)

_DAYS = f"(values {', '.join(f'({day})' for day in LANDMARKS)})"
_COUNTS = ", ".join(f"count(*) filter (event_name = '{name}') as n_{name}" for name in TOP)
_TAKEN = ", ".join(f"coalesce(n_{name}, 0) as n_{name}" for name in TOP)
OBVIOUS = f"""
with looks as (
  select trial_id, landmark.day as trial_day, date_trunc('day', started_at) + landmark.day * interval 1 day as as_of
  from trials cross join {_DAYS} as landmark(day) where landmark.day <= trial_days
),
known as (
  select l.trial_id, l.trial_day, l.as_of, e.user_id, e.session_id, e.occurred_at, e.known_at, e.event_name, e.feature
  from looks l join events e on e.trial_id = l.trial_id and e.known_at < l.as_of
),
basic as (
  select trial_id, trial_day, count(*) as n_total,
    count(*) filter (occurred_at >= as_of - interval 1 day) as n_1d,
    count(*) filter (occurred_at >= as_of - interval 3 day) as n_3d,
    count(*) filter (occurred_at >= as_of - interval 7 day) as n_7d,
    count(*) filter (occurred_at >= as_of - interval 2 day and occurred_at < as_of - interval 1 day) as before_1d,
    count(*) filter (occurred_at >= as_of - interval 6 day and occurred_at < as_of - interval 3 day) as before_3d,
    {_COUNTS}, count(distinct feature) as n_features, count(distinct user_id) as n_users,
    count(distinct session_id) as n_sessions, count(distinct date_trunc('day', occurred_at)) as active_days,
    max(occurred_at) as last_at
  from known group by trial_id, trial_day
),
uses as (
  select trial_id, trial_day, feature, count(*) as n, min(occurred_at) as first_at
  from known where feature is not null group by trial_id, trial_day, feature
),
used as (
  select trial_id, trial_day, {ENTROPY} as entropy, min(first_at) as first_use, max(first_at) as last_new, count(*) as n_used
  from uses group by trial_id, trial_day
),
pairs as (
  select trial_id, trial_day, event_name as b, lag(event_name) over (partition by trial_id, trial_day, session_id,
    date_trunc('day', known_at) order by known_at, occurred_at, event_name) as a from known
),
bigrams as (
  select trial_id, trial_day, a, b, a || '>' || b as bigram, count(*) as n from pairs where a is not null
  group by trial_id, trial_day, a, b
),
ranked as (
  select *, row_number() over (partition by trial_id, trial_day order by n desc, a, b) as place from bigrams
),
top as (
  select trial_id, trial_day, max(bigram) filter (place = 1) as bigram_1, max(n) filter (place = 1) as bigram_1_n,
    max(bigram) filter (place = 2) as bigram_2, max(n) filter (place = 2) as bigram_2_n
  from ranked where place <= 2 group by trial_id, trial_day
)
select trial_id, trial_day, as_of, coalesce(n_total, 0) as n_total, coalesce(n_1d, 0) as n_1d, coalesce(n_3d, 0) as n_3d,
  coalesce(n_7d, 0) as n_7d, coalesce(n_1d - before_1d, 0) as velocity, coalesce(n_3d - before_3d, 0) as momentum,
  {_TAKEN}, coalesce(n_features, 0) as n_features, coalesce(n_users, 0) as n_users,
  coalesce(n_sessions, 0) as n_sessions, coalesce(active_days, 0) as active_days,
  {hours("epoch_us(as_of) - epoch_us(last_at)")} as recency_hours, entropy,
  {hours("epoch_us(as_of) - epoch_us(last_new)")} as hours_since_new,
  {hours("epoch_us(last_new) - epoch_us(first_use)")} / nullif(n_used - 1, 0) as mean_first_gap,
  bigram_1, bigram_1_n, bigram_2, bigram_2_n
from looks left join basic using (trial_id, trial_day) left join used using (trial_id, trial_day)
  left join top using (trial_id, trial_day)
"""


def pandas_way(events: list[str], trials: str, out: Path) -> None:
    """The way of the tutorials: for every landmark filter all events, then groupby with lambdas."""
    import numpy as np
    import pandas as pd

    looked = pd.read_parquet(trials, columns=["trial_id", "started_at", "trial_days"])
    columns = ["trial_id", "user_id", "session_id", "occurred_at", "received_at", "event_name", "feature"]
    all_events = pd.concat([pd.read_parquet(file, columns=columns, partitioning=None) for file in events])
    all_events["known_at"] = all_events[["occurred_at", "received_at"]].max(axis=1)
    parts = []
    for day in LANDMARKS:
        looks = looked[looked.trial_days >= day].copy()
        looks["as_of"] = looks.started_at.dt.floor("D") + pd.Timedelta(days=day)
        known = all_events.merge(looks[["trial_id", "as_of"]], on="trial_id")
        known = known[known.known_at < known.as_of]
        known["age"] = (known.as_of - known.occurred_at) / pd.Timedelta(days=1)
        by_trial = known.groupby("trial_id")
        found = pd.DataFrame(index=looks.trial_id)
        found["trial_day"] = day
        found["n_total"] = by_trial.size()
        for window in (1, 3, 7):
            found[f"n_{window}d"] = known[known.age <= window].groupby("trial_id").size()
        found["before_1d"] = known[(known.age > 1) & (known.age <= 2)].groupby("trial_id").size()
        found["before_3d"] = known[(known.age > 3) & (known.age <= 6)].groupby("trial_id").size()
        for name in TOP:
            found[f"n_{name}"] = known[known.event_name == name].groupby("trial_id").size()
        for column, name in (("feature", "n_features"), ("user_id", "n_users"), ("session_id", "n_sessions")):
            found[name] = by_trial[column].nunique()
        found["active_days"] = by_trial["occurred_at"].apply(lambda moments: moments.dt.date.nunique())
        found["recency_hours"] = by_trial["age"].min() * 24
        shares = by_trial["feature"].apply(lambda used: used.value_counts(normalize=True))
        found["entropy"] = -(shares * np.log(shares)).groupby("trial_id").sum()
        first = known[known.feature.notna()].groupby(["trial_id", "feature"]).occurred_at.min()
        found["mean_first_gap"] = first.groupby("trial_id").apply(
            lambda at: (at.max() - at.min()).total_seconds() / 3600 / (len(at) - 1) if len(at) > 1 else np.nan
        )
        moves = known.sort_values(["trial_id", "session_id", "known_at", "occurred_at"])
        previous = moves.groupby(["trial_id", "session_id", moves.known_at.dt.floor("D")]).event_name.shift()
        moves["bigram"] = previous + ">" + moves.event_name
        found["bigrams"] = moves.groupby("trial_id").bigram.apply(lambda pair: pair.value_counts().index[:2].tolist())
        parts.append(found.reset_index())
    pd.concat(parts).to_parquet(out)


def polars_way(events: str, trials: str, out: Path) -> None:
    """Lazy and streaming: aggregates by day first, then joined to the looks; the best of the Polars plans tried."""
    import polars as pl

    day, key = pl.duration(days=1), ["trial_id", "trial_day"]

    def held(frame: Any) -> Any:
        return frame.collect(engine="streaming").lazy()

    trial = pl.scan_parquet(trials).select("trial_id", "started_at", "trial_days")
    columns = ["trial_id", "user_id", "session_id", "occurred_at", "received_at", "event_name", "feature"]
    event = (
        pl.scan_parquet(events, hive_partitioning=False)
        .select(columns)
        .with_columns(known_at=pl.max_horizontal("occurred_at", "received_at"))
        .with_columns(kd=pl.col("known_at").dt.date(), od=pl.col("occurred_at").dt.date())
    )
    looks = (
        trial.join(pl.LazyFrame({"trial_day": list(LANDMARKS)}), how="cross")
        .filter(pl.col("trial_day") <= pl.col("trial_days"))
        .with_columns(as_of=pl.col("started_at").dt.truncate("1d") + pl.duration(days=pl.col("trial_day")))
        .select("trial_id", "trial_day", "as_of")
        .with_columns(ad=pl.col("as_of").dt.date())
    )
    named = [(pl.col("event_name") == name).sum().cast(pl.Int64).alias("n_" + name) for name in TOP]
    cells = held(
        event.group_by("trial_id", "kd", "od").agg(
            pl.len().alias("n"), pl.col("occurred_at").max().alias("last_at"), *named
        )
    )
    users = held(event.drop_nulls("user_id").group_by("trial_id", "user_id").agg(pl.col("kd").min()))
    sessions = held(event.drop_nulls("session_id").group_by("trial_id", "session_id").agg(pl.col("kd").min()))
    uses = held(
        event.drop_nulls("feature")
        .group_by("trial_id", "kd", "feature")
        .agg(pl.len().alias("c"), pl.col("occurred_at").min().alias("first_at"))
    )
    order = ["trial_id", "session_id", "kd"]
    same = pl.all_horizontal([pl.col(c) == pl.col(c).shift() for c in order])
    pairs = held(
        event.select(*order, "known_at", "occurred_at", "event_name")
        .sort(*order, "known_at", "occurred_at", "event_name")
        .with_columns(a=pl.when(same).then(pl.col("event_name").shift()))
        .drop_nulls("a")
        .group_by("trial_id", "kd", "a", "event_name")
        .agg(pl.len().alias("c"))
        .with_columns(bigram=pl.col("a") + ">" + pl.col("event_name"))
        .select("trial_id", "kd", "a", "event_name", "bigram", "c")
    )

    def seen(frame: Any) -> Any:
        return looks.join(frame, on="trial_id").filter(pl.col("kd") < pl.col("ad"))

    def since(days: int) -> Any:
        return pl.col("od") >= pl.col("ad") - days * day

    def total(where: Any) -> Any:
        return pl.col("n").filter(where).sum()

    basic = (
        seen(cells)
        .group_by(key)
        .agg(
            n_total=pl.col("n").sum(),
            n_1d=total(since(1)),
            n_3d=total(since(3)),
            n_7d=total(since(7)),
            before_1d=total(since(2) & ~since(1)),
            before_3d=total(since(6) & ~since(3)),
            active_days=pl.col("od").n_unique(),
            last_at=pl.col("last_at").max(),
            **{"n_" + name: pl.col("n_" + name).sum() for name in TOP},
        )
    )
    used = (
        seen(uses)
        .group_by([*key, "feature"])
        .agg(pl.col("c").sum(), pl.col("first_at").min())
        .group_by(key)
        .agg(
            used=pl.col("c").sum(),
            clnc=(pl.col("c").cast(pl.Float64) * pl.col("c").cast(pl.Float64).log() * 1e6).round().cast(pl.Int64).sum(),
            first_use=pl.col("first_at").min(),
            last_new=pl.col("first_at").max(),
            n_features=pl.len(),
        )
    )
    top = (
        seen(pairs)
        .group_by([*key, "bigram"])
        .agg(pl.col("c").sum())
        .sort(["c", "bigram"], descending=[True, False])
        .group_by(key, maintain_order=True)
        .agg(
            bigram_1=pl.col("bigram").first(),
            bigram_1_n=pl.col("c").first(),
            bigram_2=pl.col("bigram").get(1, null_on_oob=True),
            bigram_2_n=pl.col("c").get(1, null_on_oob=True),
        )
    )
    joined = looks
    for frame in (
        basic,
        seen(users).group_by(key).agg(n_users=pl.len()),
        seen(sessions).group_by(key).agg(n_sessions=pl.len()),
        used,
        top,
    ):
        joined = joined.join(frame, on=key, how="left")

    def count(column: str) -> Any:
        return pl.col(column).cast(pl.Int64).fill_null(0)

    def apart(later: str, earlier: str) -> Any:
        return (pl.col(later) - pl.col(earlier)).dt.total_microseconds().cast(pl.Float64) / 3_600_000_000.0

    n_used = pl.col("n_features").cast(pl.Int64)
    counts = ["n_total", "n_1d", "n_3d", "n_7d", *("n_" + name for name in TOP), "n_features", "n_users", "n_sessions"]
    joined.select(
        *key,
        *(count(column) for column in (*counts, "active_days")),
        velocity=count("n_1d") - count("before_1d"),
        momentum=count("n_3d") - count("before_3d"),
        recency_hours=apart("as_of", "last_at"),
        entropy=(pl.col("used").cast(pl.Float64).log() - pl.col("clnc").cast(pl.Float64) / 1e6 / pl.col("used")).round(
            9
        ),
        hours_since_new=apart("as_of", "last_new"),
        mean_first_gap=pl.when(n_used > 1).then(apart("last_new", "first_use") / (n_used - 1)),
        bigram_1="bigram_1",
        bigram_1_n="bigram_1_n",
        bigram_2="bigram_2",
        bigram_2_n="bigram_2_n",
    ).collect(engine="streaming").write_parquet(out)

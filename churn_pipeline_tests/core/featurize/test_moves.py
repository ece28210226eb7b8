"""Moves and pairs as the query counts them, against what one counts by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

import pytest

from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import Looks, landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, answer, crowd, remembered, seeds

LANDMARKS = (1, 3, 7, 14)
END = BEGIN + timedelta(days=30)
Counts = dict[str, int]


def known_at(event: Row) -> datetime:
    latest: datetime = max(event["occurred_at"], event["received_at"] or event["occurred_at"])
    return latest


def step(event: Row) -> str:
    taken: str = event["feature"] or event["event_name"]
    return taken


def moves_by_hand(events: Iterable[Row]) -> tuple[Counter[tuple[str, str]], timedelta]:
    """How often each pair of steps follows on one another within a visit and a day of arrival, and the time between them."""
    visits = defaultdict(list)
    for event in events:
        if event["session_id"] is not None:
            visits[event["session_id"], known_at(event).date()].append(event)
    counted: Counter[tuple[str, str]] = Counter()
    between = timedelta()
    for visit in visits.values():
        visit.sort(key=lambda e: (known_at(e), e["occurred_at"], step(e)))
        for one, following in pairwise(visit):
            counted[step(one), step(following)] += 1
            between += abs(following["occurred_at"] - one["occurred_at"])
    return counted, between


def pairs_by_hand(events: Iterable[Row], start: datetime) -> Counter[tuple[str, str]]:
    """In how many visits (days, where visits are not known) each pair of product features was used."""
    visits: dict[Any, dict[str, int]] = defaultdict(dict)
    for event in events:
        if event["feature"] is not None:
            visit = visits[event["session_id"] or event["occurred_at"].date()]
            arrived = (known_at(event).date() - start.date()).days
            visit[event["feature"]] = min(arrived, visit.get(event["feature"], arrived))
    counted: Counter[tuple[str, str]] = Counter()
    for used in visits.values():
        first = sorted(used, key=lambda feature: (used[feature], feature))[:12]
        counted.update(combinations(sorted(first), 2))
    return counted


def commonest(counted: Counter[tuple[str, str]], between: str) -> Counts | None:
    """The 30 commonest of each, ties by their words."""
    first = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:30]
    return {between.join(pair): times for pair, times in sorted(first)} or None


def looked(world: SmallWorld, *, days: tuple[int, ...] = LANDMARKS, looks: Looks | None = None) -> list[dict[str, Any]]:
    """What looks know of a world: at landmarks, unless others are asked for."""
    looks = looks or landmark_looks(days, sql_instant(END))
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=END)
        gather(lake, connection, looks, before=END)
        found = answer(connection, snapshots_query(looks))
    rows: list[dict[str, Any]] = found.to_pylist(maps_as_pydicts="strict")
    return rows


MANY = [f"f{number:02d}" for number in range(18)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(2))
def test_moves_and_pairs_are_those_that_one_counts_by_hand(seed: int) -> None:
    world = crowd(seed, trials=8, events=400, names=["login", "export", "f03", "f"], used=["it's {odd}", *MANY])
    most: Counter[str] = Counter()
    for look in looked(world):
        opens = look["started_at"].replace(hour=0, minute=0, second=0, microsecond=0)
        events = [
            event
            for event in world.events
            if event["trial_id"] == look["trial_id"]
            and event["occurred_at"] >= opens
            and known_at(event) < look["as_of"]
        ]
        moved, between = moves_by_hand(events)
        together = pairs_by_hand(events, look["started_at"])
        for found, counted, sign in (("transitions", moved, " > "), ("pairs_together", together, " + ")):
            assert list((look[found] or {}).items()) == list((commonest(counted, sign) or {}).items())
            most[found] = max(most[found], len(counted))
        if moved:
            minutes = between / timedelta(minutes=1) / moved.total()
            assert look["minutes_between_steps"] == pytest.approx(minutes, rel=1e-12)
        assert look["pairs_used"] == len(together)
    assert most["transitions"] > 60
    assert most["pairs_together"] > 60


def test_a_trial_of_a_year_keeps_the_order_of_what_arrives_at_once() -> None:
    """Everything arrives in one batch on the last day, the oldest of it a year old."""
    year = END - timedelta(days=364)
    trial = {"trial_id": "t", "account_id": "a", "started_at": year, "trial_days": 365}
    happened = [("a", 0), ("c", 1), ("b", 300), ("a", 363)]
    events = tuple(
        {
            "event_id": f"e{days}",
            "trial_id": "t",
            "session_id": "s",
            "occurred_at": year + timedelta(days=days),
            "received_at": END - timedelta(hours=1),
            "event_name": name,
        }
        for name, days in happened
    )
    (look,) = looked(SmallWorld((trial,), events), days=(1, 364))[1:]
    assert dict(look["transitions"]) == {"a > c": 1, "b > a": 1, "c > b": 1}
    assert look["minutes_between_steps"] == 121 * 24 * 60


def test_a_visit_is_cut_at_the_time_of_day_of_the_look() -> None:
    """As every day: the 24 hours before the time of day of the look."""
    trial = {"trial_id": "t", "account_id": "a", "started_at": BEGIN, "trial_days": 14}
    events = tuple(
        {
            "event_id": name,
            "trial_id": "t",
            "session_id": "s",
            "occurred_at": BEGIN + timedelta(hours=hours),
            "event_name": name,
        }
        for name, hours in (("a", 17), ("b", 17.4), ("c", 17.6), ("d", 24.1))
    )
    noon = BEGIN + timedelta(days=3, hours=17.5)
    looks = Looks(f"select 't' as trial_id, {sql_instant(noon)} as as_of")
    (look,) = looked(SmallWorld((trial,), events), looks=looks)
    assert dict(look["transitions"]) == {"a > b": 1, "c > d": 1}


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (["x", "x > x", "x"], {"x > x > x": 2}),
        (["A", "B > C", "q", "A > B", "C"], {"A > B > C": 2, "B > C > q": 1, "q > A > B": 1}),
    ],
)
def test_moves_that_read_alike_are_one(steps: list[str], found: Counts) -> None:
    trial = {"trial_id": "t", "account_id": "a", "started_at": BEGIN, "trial_days": 14}
    events = tuple(
        {
            "event_id": f"e{number}",
            "trial_id": "t",
            "session_id": "s",
            "occurred_at": BEGIN + timedelta(minutes=number),
            "event_name": name,
        }
        for number, name in enumerate(steps)
    )
    (look,) = looked(SmallWorld((trial,), events), days=(1,))
    assert dict(look["transitions"]) == found

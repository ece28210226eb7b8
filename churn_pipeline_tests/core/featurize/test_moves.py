"""Moves and pairs as the query counts them, against what one counts by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

import duckdb
import pytest

from churn_pipeline.capabilities.features.peers import gather
from churn_pipeline.contracts.features.grains import TRANSITIONS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize import moves
from churn_pipeline.core.featurize.looks import landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, Row, SmallWorld, crowd, remembered, seeds

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
        visit.sort(key=lambda e: (known_at(e), e["occurred_at"], e["event_name"], e["feature"] or ""))
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


def looked(world: SmallWorld) -> list[dict[str, Any]]:
    looks = landmark_looks(LANDMARKS, sql_instant(END))
    with remembered(world) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=END)
        gather(lake, connection, looks, before=END)
        found = connection.sql(snapshots_query(looks)).to_arrow_table()
    rows: list[dict[str, Any]] = found.to_pylist(maps_as_pydicts="strict")
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(2))
def test_moves_and_pairs_are_those_that_one_counts_by_hand(seed: int) -> None:
    world = crowd(seed, trials=12, events=200)
    compared = 0
    for look in looked(world):
        opens = look["started_at"].replace(hour=0, minute=0, second=0, microsecond=0)
        events = [
            event
            for event in world.events
            if event["trial_id"] == look["trial_id"]
            and event["occurred_at"] >= opens
            and known_at(event) < look["as_of"]
        ]
        counted, between = moves_by_hand(events)
        assert dict(look["transitions"] or {}) == (commonest(counted, " > ") or {})
        assert list(look["transitions"] or {}) == list(commonest(counted, " > ") or {})
        if counted:
            minutes = between / timedelta(minutes=1) / counted.total()
            assert look["minutes_between_steps"] == pytest.approx(minutes, rel=1e-12)
        together = pairs_by_hand(events, look["started_at"])
        assert dict(look["pairs_together"] or {}) == (commonest(together, " + ") or {})
        assert look["pairs_used"] == len(together)
        compared += counted.total()
    assert compared > 500


def test_the_commonest_pairs_keep_their_count_and_their_words() -> None:
    """Numbers at both ends of what fits, and counts beyond it: the largest is kept, nothing overflows."""
    last = moves.WORDS - 1
    counts = {(1, 1): 3, (1, last): 3, (last, 1): 2, (last, last): 10**9, (2, 2): 1}
    rows = ", ".join(f"({one * moves.WORDS + two}, {n})" for (one, two), n in counts.items())
    words = f"list_concat(['a', 'b'], list_resize(['z'], {last - 2}, 'z'))"
    found = duckdb.execute(
        f"select {moves.spelt('top', TRANSITIONS)} from (select {moves.commonest(TRANSITIONS, 4)} as top "
        f"from (values {rows}) as v(transition, n)) cross join (select {words} as words)"
    ).fetchall()[0][0]
    assert found == {"a > a": 3, "a > z": 3, "z > a": 2, "z > z": 2**23 - 1}

"""Leaks are planted in the one definition of a snapshot, one by one: the test for foresight has to find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from churn_pipeline.capabilities.features.foresight import Foresight, foresight
from churn_pipeline.core.featurize import peers
from churn_pipeline.core.featurize.looks import Looks, landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, crowd, remembered, seeds

pytestmark = pytest.mark.slow
LANDMARKS = (1, 3, 7, 14)
END = BEGIN + timedelta(days=40)
DAYS = [BEGIN + timedelta(days=day) for day in (11, 8, 15, 4, 18, 21, 24)]
"""Days that are looked back at, those with the most looks first."""

LEAKS = {
    "an event that arrives at the very moment of the look counts": ("< last_look", "<= last_look"),
    "an event of the day that begins with the look counts": ("(known_on < 2)", "(known_on <= 2)"),
    "events count from when they happened, not from when they arrived": ("from events r", "from (select * replace (occurred_at as known_at) from events) r"),
    "the counts are those of the last look at the trial": ("unnest([n_0, n_2, n_6, n_13])", "unnest([n_13, n_13, n_13, n_13])"),
    "the last moment is that of the last look at the trial": (
        "unnest([last_at_0, last_at_2, last_at_6, last_at_13])",
        "unnest([last_at_13, last_at_13, last_at_13, last_at_13])",
    ),
    "when a step was first taken is told by the last look at the trial": (
        "unnest([first_at_0, first_at_2, first_at_6, first_at_13])",
        "unnest([first_at_13, first_at_13, first_at_13, first_at_13])",
    ),
    "a change of the trial at the very moment of the look is known": (
        "x.as_of > v.version_at and (v.next_at is null or x.as_of <= v.next_at)",
        "x.as_of >= v.version_at and (v.next_at is null or x.as_of < v.next_at)",
    ),
    "attributes are those of the newest version": (
        "left join versions v on v.trial_id = x.trial_id and x.as_of > v.version_at and (v.next_at is null or x.as_of <= v.next_at)",
        "left join (from versions qualify row_number() over (partition by trial_id order by version_at desc) = 1) v "
        "on v.trial_id = x.trial_id",
    ),
    "an arm drawn at the very moment of the look is known": ("a.known_at < s.as_of", "a.known_at <= s.as_of"),
    "an indicator published at the very moment of the look is known": ("l.as_of > p.published_at", "l.as_of >= p.published_at"),
    "indicators are as they were revised later": (
        "arg_max(greatest(least(value, 1e12), -1e12), {'period'", "arg_max((select arg_max(h.value, h.published_at) from indicators_history h "
        "where h.sector = indicators_history.sector and h.period_start = indicators_history.period_start), {'period'",
    ),
    "every arm is known": ("a.known_at < s.as_of", "true"),
    "moves of a visit are known with the first event of it": (
        "from acts join words on word = coalesce", "from (select * replace (min(known_on) over (partition by trial, session_id) as known_on) from acts) join words on word = coalesce",
    ),
    "a feature is part of a visit from when it was used": ("min(known_on) as known_on", "min(day) as known_on"),
    "two features are together once the first of them is known": ("greatest(a.known_on", "least(a.known_on"),
}  # fmt: skip


AMONG_PEERS = {
    "trials that start later are peers": (
        ("peer_looks", "w.week > d.week and w.week <= d.week + interval 28 day", "true"),
        ("peers_query", "+ later * interval 7 day", "- later * interval 7 day"),
    ),
    "trials of the same week are peers": (
        ("peer_looks", "w.week > d.week", "w.week >= d.week"),
        ("peers_query", "+ later * interval 7 day", "+ (later - 1) * interval 7 day"),
    ),
    "peers count with what they had days later": (
        ("tally_query", "with looked as (select *", "with looked as (select * replace (trial_day // 2 as trial_day)"),
    ),
}
"""Leaks in how peers are gathered: in which piece of SQL what is replaced by what."""


def found(days: Sequence[datetime], right: str = "", wrong: str = "", *, seed: int = 1) -> Iterator[Foresight]:
    """What a comparison of past looks finds, day by day, in a query in which what is wrong replaces what is right."""

    def compose(looks: Looks) -> str:
        return snapshots_query(looks).replace(right or " ", wrong or " ")

    with remembered(crowd(seed, trials=200, events=40)) as (lake, connection):
        yield from foresight(lake, connection, days=days, now=END, landmarks=LANDMARKS, compose=compose)


@pytest.mark.parametrize("seed", seeds(6))
def test_no_feature_of_any_look_knows_the_future(seed: int) -> None:
    """Fifty small businesses each: looks of some midnights among those of all landmarks, and each alone from what was known then."""
    looked = list(found(DAYS[seed % 2 :: 2], seed=seed))
    assert [look.differing for look in looked] == [{}] * len(looked)
    assert sum(look.looks for look in looked) > 50


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.replace(" ", "-"))
def test_a_planted_leak_is_found(leak: str) -> None:
    right, wrong = LEAKS[leak]
    assert right in snapshots_query(landmark_looks(LANDMARKS, "now()")), (
        "what the leak replaces has gone from the query"
    )
    assert any(look.differing for look in found(DAYS, right, wrong))


@pytest.mark.parametrize("leak", AMONG_PEERS, ids=lambda leak: leak.replace(" ", "-"))
def test_a_leak_by_way_of_peers_is_found(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for piece, right, wrong in AMONG_PEERS[leak]:
        monkeypatch.setattr(peers, piece, leaking(getattr(peers, piece), right, wrong))
    differing = {column for look in found(DAYS[:4]) for column in look.differing}
    assert differing
    assert all("_by_" in column for column in differing)


def leaking(compose: Callable[..., str], right: str, wrong: str) -> Callable[..., str]:
    """A piece of SQL in which what is wrong replaces what is right."""

    def leak(*given: object) -> str:
        text = compose(*given)
        assert right in text, "what the leak replaces has gone from the query"
        return text.replace(right, wrong)

    return leak

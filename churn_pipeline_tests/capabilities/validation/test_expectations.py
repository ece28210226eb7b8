from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.expectations import (
    Expectation,
    expectations,
    judged,
    read_broken,
    rows_of,
    write_expectations,
)
from churn_pipeline.capabilities.validation.history import History
from churn_pipeline.contracts.analytics import DATA_EXPECTATIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import empty_lake, stage
from churn_pipeline_tests.capabilities.validation.test_history import FIRST, happened, source_of

Days = NDArray[np.float64]
LEVELS = dict(Settings().expectation_levels)
WORDS = {"login": 0.5, "feature_used": 0.3, "invite_sent": 0.15, "export": 0.05}
WEEK = np.where(np.arange(57) % 7 < 5, 1.0, 0.3)
DAY = datetime(2024, 7, 1, tzinfo=UTC)


def business(rng: np.random.Generator, *, mean: float = 400, days: int = 57, spread: float = 20) -> History:
    """Days of a table on which nothing changes but what chance and the weekday do."""
    n = rng.negative_binomial(spread, spread / (spread + mean * WEEK[-days:])).astype(float)
    shares = rng.dirichlet(np.array(list(WORDS.values())) * 2_000, days)
    words = np.array([rng.multinomial(int(total), share) for total, share in zip(n, shares, strict=True)]).T.astype(
        float
    )
    return History(
        "events",
        n,
        n,
        {
            "value": rng.binomial(n.astype(int), 0.3).astype(float),
            "user_id": rng.binomial(n.astype(int), 0.001).astype(float),
            "session_id": rng.binomial(n.astype(int), 0.9).astype(float),
        },
        {"event_name": dict(zip(WORDS, words, strict=True))},
        rng.binomial(n.astype(int), rng.beta(2, 98, days)).astype(float),
        rng.exponential(1.0, days) + 0.01,
    )


def judge(history: History, **other: Any) -> dict[tuple[str, str], Expectation]:
    """What is broken, by kind and subject."""
    asked: dict[str, Any] = {"false_alarm": 0.01, "min_shift": 0.05, "levels": LEVELS} | other
    return {(e.kind, e.subject): e for e in judged(history, **asked) if e.verdict in {"warn", "block"}}


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "days"), [(400, 57), (5, 57), (400, 29), (20_000, 57)])
def test_where_nothing_changed_a_table_has_a_false_alarm_as_rarely_as_stated(mean: float, days: int) -> None:
    rng, draws, rate = np.random.default_rng(11), 1_000, 0.01
    alarms = sum(bool(judge(business(rng, mean=mean, days=days), min_shift=0.0)) for _ in range(draws))
    assert alarms / draws <= rate + 3 * np.sqrt(rate * (1 - rate) / draws)


def last(days: Days | None, value: float) -> Days:
    """The days with another newest one."""
    assert days is not None
    return np.append(days[:-1], value)


def words_of(history: History, **newest: float) -> dict[str, dict[str, Days]]:
    """The event names of a history, some of them with another newest day; a word that is not there is new."""
    words = history.values["event_name"]
    never = np.zeros(len(history.records))
    return {"event_name": words | {word: last(words.get(word, never), value) for word, value in newest.items()}}


def nulls_of(history: History, column: str, share: float) -> dict[str, Days]:
    """The nulls of a history, of one column so many on the newest day."""
    return history.nulls | {column: last(history.nulls[column], history.records[-1] * share)}


FAULTS: dict[str, Callable[[History, float], dict[str, Any]]] = {
    "nothing came": lambda h, n: {"records": last(h.records, 0), "attributes": last(h.attributes, 0)},
    "a fifth of it came": lambda h, n: {"records": last(h.records, 80)},
    "a column is empty": lambda h, n: {"nulls": nulls_of(h, "user_id", 1)},
    "a column is emptier": lambda h, n: {"nulls": nulls_of(h, "value", 0.6)},
    "an event is lost": lambda h, n: {"values": words_of(h, feature_used=0)},
    "an event is new": lambda h, n: {"values": words_of(h, login_v2=n * 0.1)},
    "late ones come": lambda h, n: {"late": last(h.late, n * 0.5)},
    "it is old": lambda h, n: {"ages": last(h.ages, 400)},
}


def spoiled(what: str) -> History:
    """A business whose newest day has a fault."""
    history = business(np.random.default_rng(5))
    return replace(history, **FAULTS[what](history, float(history.records[-1])))


@pytest.mark.parametrize(
    ("what", "found", "verdict"),
    [
        ("nothing came", ("volume", ""), "block"),
        ("a fifth of it came", ("volume", ""), "warn"),
        ("a column is empty", ("null_rate", "user_id"), "block"),
        ("a column is emptier", ("null_rate", "value"), "warn"),
        ("an event is lost", ("lost_value", "event_name=feature_used"), "warn"),
        ("an event is new", ("new_values", "event_name"), "warn"),
        ("late ones come", ("late_share", ""), "warn"),
        ("it is old", ("freshness", ""), "warn"),
    ],
)
def test_a_fault_is_found_and_only_what_cannot_be_chance_blocks(
    what: str, found: tuple[str, str], verdict: str
) -> None:
    broken = judge(spoiled(what))
    assert broken[found].verdict == verdict, broken
    assert set(broken) == {found}


def test_a_sentence_says_what_came_and_what_was_expected() -> None:
    words = judge(spoiled("an event is new"))["new_values", "event_name"].words
    assert words.startswith("events: ")
    assert "of the records have a new event_name (login_v2); at most 0." in words
    lost = judge(spoiled("an event is lost"))["lost_value", "event_name=feature_used"].words
    assert lost.startswith("events: event_name is feature_used in 0.0% of the records; at least 2")


def test_a_level_may_be_lowered_raised_or_switched_off() -> None:
    empty, late = spoiled("a column is empty"), spoiled("late ones come")
    assert judge(empty, levels=LEVELS | {"null_rate": "warn"})["null_rate", "user_id"].verdict == "warn"
    assert judge(empty, levels=LEVELS | {"null_rate": "off"}) == {}
    assert judge(late, levels=LEVELS | {"late_share": "block"})["late_share", ""].verdict == "block"


def test_a_shift_that_is_certain_and_too_small_is_not_worth_a_word() -> None:
    history = business(np.random.default_rng(6), mean=50_000, spread=1e6)
    nulls = np.append(history.nulls["value"][:-1], history.records[-1] * 0.33)
    moved = replace(history, nulls=history.nulls | {"value": nulls})
    assert judge(moved, min_shift=0.0)
    assert judge(moved) == {}


def test_with_little_history_nothing_is_expected_and_nothing_blocks() -> None:
    history = business(np.random.default_rng(7), days=20)
    (only,) = judged(replace(history, records=np.zeros(20)), false_alarm=0.01, min_shift=0.05, levels=LEVELS)
    assert (only.verdict, only.observed) == ("learning", None)
    assert only.words == "events: 19 days of history; from 28 on something is expected of the next"


def test_every_table_of_a_batch_is_judged_and_the_day_is_written(tmp_path: Path, warehouse: Warehouse) -> None:
    lake, as_of = empty_lake(tmp_path), FIRST + timedelta(days=40)
    events = [happened(n, n % 39) for n in range(39 * 30)]
    stage(lake, source_of(tmp_path / "in", events=events), as_of=as_of, read_at=as_of)
    settings = Settings()
    found = write_expectations(lake, warehouse, as_of=as_of, settings=settings, run_id="r")
    assert {e.table for e in found} == {"trials", "events"}
    broken = read_broken(warehouse, as_of=as_of)
    assert broken.blocks
    assert broken.words[0].startswith("events: 0 records became known on the newest day; ")
    assert write_expectations(lake, warehouse, as_of=as_of, settings=settings, run_id="r") == found
    assert warehouse.read("select count(*) as n from data_expectations").to_pylist() == [{"n": len(found)}]
    assert str(read_broken(warehouse, as_of=as_of + timedelta(days=1))) == "every table is as the days before it"
    lively = [happened(n, n % 40) for n in range(40 * 30)]
    stage(lake, source_of(tmp_path / "in", events=lively), as_of=as_of, read_at=as_of)
    assert not [e for e in expectations(lake, as_of=as_of, settings=settings) if e.verdict == "block"]


def test_rows_have_the_declared_shape_and_no_end_that_is_none() -> None:
    rows = rows_of(
        judged(business(np.random.default_rng(1)), false_alarm=0.01, min_shift=0, levels=LEVELS), as_of=DAY, run_id="r"
    )
    assert rows.schema.equals(arrow_schema(DATA_EXPECTATIONS))
    (freshness,) = [row for row in rows.to_pylist() if row["kind"] == "freshness"]
    assert freshness["low"] is None
    assert freshness["high"] > 1

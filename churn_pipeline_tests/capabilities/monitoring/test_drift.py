from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.capabilities.monitoring.bins import binned
from churn_pipeline.capabilities.monitoring.comparison import Comparison, comparable
from churn_pipeline.capabilities.monitoring.drift import SCORE, Drift, Shift, chance, measure, psi, rows
from churn_pipeline.contracts.analytics import DRIFT
from churn_pipeline.contracts.derive.arrow import arrow_schema

COUNTS = tuple(f"count_{i}" for i in range(8))
NAMES = (*COUNTS, "size", "plan", "trial_day", "constant")


def business(
    rng: np.random.Generator, count: int, prefix: str, days: tuple[int, int], looked: tuple[int, ...], window: int | None = None,
    more: float = 1.0, gone: float = 0.05, plan: float = 0.5,
) -> pd.DataFrame:  # fmt: skip
    """Snapshots with eight counts that hang together, a size often unknown, a plan; converts within two weeks or not."""
    start = rng.integers(*days, count)
    keen = rng.gamma(2, 1, count)
    converts = np.where(rng.random(count) < 0.35, rng.integers(2, 14, count), 99)
    size = np.where(rng.random(count) < gone, np.nan, np.round(rng.lognormal(3, 1, count)))
    bought = np.where(rng.random(count) < plan, "pro", "basic").astype(object)
    trials, columns = np.array([f"{prefix}{i}" for i in range(count)], dtype=object), []
    for day in looked:
        there = converts > day
        if window is not None:
            there &= (start + day > window - 7) & (start + day <= window)
        who = np.flatnonzero(there)
        working = np.where((start[who] + day) % 7 < 5, 1.0, 0.3)
        rate = np.maximum(keen[who] * day * working, 0.01) * more
        columns.append(
            {
                "trial_id": trials[who],
                "as_of": start[who] + day,
                "trial_day": np.full(len(who), day),
                **{name: rng.poisson(rate).astype(float) for name in COUNTS},
                "size": size[who],
                "plan": bought[who],
                "constant": np.ones(len(who)),
                SCORE: 1 / (1 + np.exp(1 - 0.3 * keen[who] * more)),
            }
        )
    frame = pd.DataFrame({name: np.concatenate([look[name] for look in columns]) for name in columns[0]})
    return frame.assign(as_of=pd.to_datetime(frame["as_of"], unit="D", utc=True))


def training(rng: np.random.Generator, count: int = 4_000) -> pd.DataFrame:
    return business(rng, count, "r", (19_000, 19_300), (1, 3, 7, 10, 14))


def today(rng: np.random.Generator, count: int = 800, **change: Any) -> pd.DataFrame:
    return business(rng, count, "c", (19_380, 19_402), tuple(range(15)), 19_400, **change)


def measured(
    reference: pd.DataFrame, current: pd.DataFrame, seed: int = 0, false_alarm: float = 0.01, min_distance: float = 0.0
) -> Drift:
    compared = comparable(reference, current)
    rng = np.random.default_rng(seed)
    return measure(compared, compared, NAMES, false_alarm=false_alarm, min_distance=min_distance, rng=rng)


def test_data_of_the_same_business_does_not_drift() -> None:
    rng = np.random.default_rng(1)
    drift = measured(training(rng), today(rng))
    assert drift.drifted == ()
    assert str(drift) == "none of 12 features drifted"


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"more": 1.6}, {*COUNTS, SCORE}),
        ({"gone": 0.25}, {"size"}),
        ({"plan": 0.75}, {"plan"}),
    ],
)
def test_a_planted_shift_is_found_and_nothing_else(change: dict[str, Any], moved: set[str]) -> None:
    rng = np.random.default_rng(2)
    drift = measured(training(rng), today(rng, **change), min_distance=0.02)
    assert set(drift.drifted) == moved
    assert drift.share == pytest.approx(len(moved - {SCORE}) / 12)


@pytest.mark.slow
def test_a_shift_too_small_to_matter_is_no_drift_however_many_rows_say_so() -> None:
    reference, current = np.array([500_000, 500_000]), np.array([495_000, 505_000])
    assert psi(reference, current) > chance(reference, current, false_alarm=0.001, rng=np.random.default_rng(0))
    side = [pd.DataFrame({"x": np.repeat([0.0, 1.0], counts)}) for counts in (reference, current)]
    none = Comparison(side[0][:0], side[1][:0])
    with_floor = measure(
        Comparison(*side), none, ["x"], false_alarm=0.01, min_distance=0.02, rng=np.random.default_rng(0)
    )
    assert with_floor.drifted == ()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8))
@settings(deadline=None)
def test_the_distance_is_zero_between_equals_and_never_negative(bins: list[tuple[int, int]]) -> None:
    then, now = (np.array(side) + np.array([1] + [0] * (len(bins) - 1)) for side in zip(*bins, strict=True))
    assert psi(then, then) == 0
    assert psi(then, now) >= 0
    assert psi(then, now) == pytest.approx(psi(now, then))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_what_chance_explains_does_not_depend_on_how_the_rows_were_split(both: list[int], seed: int) -> None:
    counts = np.array(both)
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    size = int(rng.integers(0, total + 1))
    splits = rng.multivariate_hypergeometric(counts, size, size=2)
    one, other = (
        chance(counts - now, now, false_alarm=0.05, rng=np.random.default_rng(1)) if 0 < size < total else 0.0
        for now in splits
    )
    assert one == other


def test_the_bound_of_chance_shrinks_with_the_sample() -> None:
    bounds = [
        chance(np.full(10, n), np.full(10, n), false_alarm=0.001, rng=np.random.default_rng(0)) for n in (5, 50, 500)
    ]
    assert bounds[0] > 0.5 > bounds[1] > 0.03 > bounds[2]


def test_nothing_to_compare_is_said_in_words() -> None:
    rng = np.random.default_rng(3)
    drift = measured(training(rng, 100), today(rng, 0))
    assert drift.shifts == ()
    assert drift.share == 0.0
    assert str(drift).startswith("not compared: ")
    assert rows(drift, as_of=datetime(2024, 5, 1, tzinfo=UTC), model_version="3", run_id="r").num_rows == 0


def test_missing_features_are_named_all_at_once() -> None:
    rng = np.random.default_rng(4)
    compared = comparable(training(rng, 300), today(rng, 200))
    with pytest.raises(ValueError, match="training data has no column no_such, nor_this; the current snapshots has no"):
        measure(compared, compared, ["no_such", "size", "nor_this"], false_alarm=0.01, min_distance=0, rng=rng)


def test_rows_hold_the_declared_table() -> None:
    rng = np.random.default_rng(5)
    drift = measured(training(rng, 1_000), today(rng, 300))
    day = datetime(2024, 5, 1, tzinfo=UTC)
    written = rows(drift, as_of=day, model_version="7", run_id="run")
    assert written.schema.equals(arrow_schema(DRIFT))
    assert written["feature"].to_pylist() == [*NAMES, SCORE]
    first = written.to_pylist()[0]
    assert first["drifted"] == (first["distance"] > first["threshold"])
    assert first["reference_rows"] > first["current_rows"] > 0


def test_the_farthest_is_what_moved_farthest_beyond_chance_not_the_longest_distance() -> None:
    column = binned(pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0]))
    noisy, steady, still = (
        Shift("noisy", 0.4, 0.3, column),
        Shift("steady", 0.2, 0.02, column),
        Shift("still", 0.0, 0.0, column),
    )
    drift = Drift((still, noisy, steady))
    assert drift.farthest == (steady, noisy, still)
    assert drift.drifted == ("steady", "noisy")


def test_a_summary_names_what_drifted() -> None:
    rng = np.random.default_rng(6)
    text = str(measured(training(rng), today(rng, more=1.6)))
    assert text.startswith("8 of 12 features drifted (count_")
    assert text.endswith("; the scores moved")


@pytest.mark.slow
@pytest.mark.parametrize("size", [60, 800])
def test_on_days_without_drift_any_alarm_is_as_rare_as_stated(size: int) -> None:
    """150 independent days, false alarm set to 0.1 (12 columns and the score, hanging together: fewer is right, more is not).

    15 are expected at most; 27 is the 99.9 % point of binomial(150, 0.1).
    """
    alarms = 0
    for day in range(150):
        rng = np.random.default_rng(day)
        alarms += bool(measured(training(rng, 800), today(rng, size), seed=day, false_alarm=0.1).drifted)
    assert alarms <= 27


@pytest.mark.slow
@pytest.mark.parametrize(("rows_then", "rows_now"), [(50, 50), (2_000, 50), (20_000, 2_000)])
def test_one_column_alarms_at_its_stated_rate_and_a_fixed_bound_does_not(rows_then: int, rows_now: int) -> None:
    """4,000 splits of the same ten bins at rate 0.05: within 4 standard errors below and above (ties cost a little below)."""
    rng = np.random.default_rng(rows_then)
    alarms = fixed = 0
    for _ in range(4_000):
        reference, current = (rng.multinomial(n, np.full(10, 0.1)) for n in (rows_then, rows_now))
        distance = float(psi(reference, current))
        alarms += int(distance > chance(reference, current, false_alarm=0.05, rng=rng))
        fixed += int(distance > 0.1)
    assert 0.03 <= alarms / 4_000 <= 0.064
    if (rows_then, rows_now) == (50, 50):
        assert fixed / 4_000 > 0.9

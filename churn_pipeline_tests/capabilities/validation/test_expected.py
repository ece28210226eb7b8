"""The ranges hold what they say: a day on which nothing changed lies outside as rarely as was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.capabilities.validation.expected import expected_age, expected_count, expected_share

DRAWS = 1_000
RATE = 0.02
ALLOWED = RATE + 3 * np.sqrt(RATE * (1 - RATE) / DRAWS)
"""Three standard errors of the number of draws."""
WEEKS = np.where(np.arange(57) % 7 < 5, 1.0, 0.2)
Draw = Callable[[np.random.Generator], np.ndarray]


def spread(rng: np.random.Generator, mean: float, size: float) -> np.ndarray:
    """Negative-binomial counts: the mean of each day is drawn anew."""
    return rng.negative_binomial(size, size / (size + mean * WEEKS))


COUNTS: dict[str, Draw] = {
    "few": lambda rng: rng.poisson(2 * WEEKS),
    "many": lambda rng: rng.poisson(1_000 * WEEKS),
    "spread": lambda rng: spread(rng, 300, 8),
    "many and spread": lambda rng: spread(rng, 50_000, 30),
    "none": lambda rng: np.zeros(57),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_a_count_that_goes_on_as_before_is_seldom_unexpected(kind: str) -> None:
    rng = np.random.default_rng(7)
    series = [COUNTS[kind](rng) for _ in range(DRAWS)]
    alarms = sum(expected_count(x[:-1], false_alarm=RATE).beyond(x[-1]) != 0 for x in series)
    assert alarms / DRAWS <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "concentration"), [(0.0, 0), (0.01, 0), (0.3, 0), (0.98, 0), (0.3, 200), (0.05, 400)]
)
@pytest.mark.parametrize("records", [60, 4_000])
def test_a_share_that_goes_on_as_before_is_seldom_unexpected(share: float, concentration: int, records: int) -> None:
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(DRAWS):
        n = rng.poisson(records * WEEKS) + 1
        p = rng.beta(share * concentration, (1 - share) * concentration, 57) if concentration else share
        k = rng.binomial(n, p)
        alarms += expected_share(k[:-1], n[:-1], of=int(n[-1]), false_alarm=RATE).beyond(k[-1] / n[-1]) != 0
    assert alarms / DRAWS <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("hours", [lambda rng: rng.exponential(2, 57), lambda rng: rng.gamma(4, 1, 57)])
def test_an_age_that_goes_on_as_before_is_seldom_unexpected(hours: Draw) -> None:
    rng = np.random.default_rng(9)
    series = [hours(rng) for _ in range(DRAWS)]
    alarms = sum(expected_age(x[:-1], false_alarm=RATE).beyond(x[-1]) != 0 for x in series)
    assert alarms / DRAWS <= ALLOWED


def test_half_the_records_are_missed_and_a_quiet_weekday_is_not() -> None:
    rng = np.random.default_rng(1)
    usual = rng.poisson(1_000 * WEEKS)
    reach = expected_count(usual[:-1], false_alarm=0.0005)
    today = 1_000 * WEEKS[-1]
    assert reach.beyond(today) == 0
    assert reach.beyond(today / 2) == -1
    assert reach.beyond(today * 2) == 1
    assert expected_count(usual[:-1] * 0 + 200, false_alarm=0.0005).beyond(0) == -1


def test_a_share_that_jumps_is_seen_also_where_it_was_nothing_before() -> None:
    never = expected_share(np.zeros(56), np.full(56, 500), of=500, false_alarm=0.0005)
    assert (never.low, never.beyond(0.05)) == (0.0, 1)
    always = expected_share(np.full(56, 500), np.full(56, 500), of=500, false_alarm=0.0005)
    assert (always.high, always.beyond(0.9)) == (1.0, -1)


def test_faults_of_the_past_teach_nothing() -> None:
    rng = np.random.default_rng(2)
    usual = rng.poisson(1_000 * WEEKS).astype(float)
    clean = expected_count(usual[:-1], false_alarm=0.001)
    usual[[10, 30]] = 0, 9_000
    reach = expected_count(usual[:-1], false_alarm=0.001)
    assert reach.days == 54
    assert reach.low == pytest.approx(clean.low, rel=0.1)
    ages = np.append(rng.exponential(1, 55), 5_000)
    assert expected_age(ages, false_alarm=0.001).high < 500
    hits = np.append(rng.binomial(500, 0.02, 55), 500)
    assert expected_share(hits, np.full(56, 500), of=500, false_alarm=0.001).high < 0.1


@given(st.lists(st.integers(0, 10_000), min_size=28, max_size=60), st.floats(1e-6, 0.2))
def test_whatever_came_before_the_range_is_one(counts: list[int], rate: float) -> None:
    for reach in (
        expected_count(counts, false_alarm=rate),
        expected_share(counts, np.array(counts) * 2 + 1, of=100, false_alarm=rate),
        expected_age(np.array(counts) + 0.5, false_alarm=rate),
    ):
        assert reach.low >= 0
        assert np.isfinite([reach.low, reach.high]).all()
        assert 1 <= reach.days <= len(counts)

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.core.sequence import always_valid


def test_no_spread_is_seen_in_fewer_than_two_groups() -> None:
    assert always_valid([], groups=[], confidence=0.9) is None
    assert always_valid([0.1, 0.2], groups=["a", "a"], confidence=0.9) is None


def test_the_mean_is_one_of_rows_and_the_interval_lies_around_it() -> None:
    found = always_valid([1.0, 1.0, 0.0, 0.0, 0.0], groups=["a", "a", "b", "c", "d"], confidence=0.9)
    assert found is not None
    assert found.mid == pytest.approx(0.4)
    assert found.high - found.mid == pytest.approx(found.mid - found.low)


def test_rows_of_a_group_count_as_one() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=200)
    once = always_valid(value, groups=np.arange(200), confidence=0.9)
    copied = always_valid(np.repeat(value, 5), groups=np.repeat(np.arange(200), 5), confidence=0.9)
    assert once is not None
    assert copied is not None
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


@pytest.mark.slow
def test_it_holds_at_all_looks_together_where_a_fixed_interval_goes_wrong_at_one_of_them() -> None:
    """A look after every ten trials, up to 600, from 30 on; 400 rollouts of two equal models; losses are skewed as they are in practice."""
    rng = np.random.default_rng(1)
    wrong = fixed = 0
    for _ in range(400):
        drawn = rng.exponential(size=600) - 1
        looks = [always_valid(drawn[:n], groups=np.arange(n), confidence=0.9) for n in range(30, 601, 10)]
        wrong += any(look is not None and not look.low <= 0 <= look.high for look in looks)
        fixed += any(abs(drawn[:n].mean()) > 1.645 * drawn[:n].std(ddof=1) / np.sqrt(n) for n in range(30, 601, 10))
    # of 400 at .1 three standard deviations are .045
    assert wrong / 400 <= 0.145
    assert fixed / 400 > 0.3

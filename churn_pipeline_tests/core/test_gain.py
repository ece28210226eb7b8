from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.core.gain import gain
from churn_pipeline.core.metrics import MetricError


def test_the_gain_is_the_mean_over_rows_and_lies_within_its_interval() -> None:
    rng = np.random.default_rng(1)
    loss, better = rng.random(300), rng.random(300) - 0.2
    found = gain(loss, better, groups=np.arange(300) // 3, rng=rng, resamples=500, confidence=0.9)
    assert found.mid == pytest.approx((loss - better).mean())
    assert found.low < found.mid < found.high


def test_rows_of_one_trial_are_drawn_together() -> None:
    rng = np.random.default_rng(1)
    difference = np.repeat(rng.normal(size=50), 20)
    apart = gain(difference, np.zeros(1000), groups=np.arange(1000), rng=rng, resamples=500, confidence=0.9)
    together = gain(difference, np.zeros(1000), groups=np.arange(1000) // 20, rng=rng, resamples=500, confidence=0.9)
    assert together.high - together.low > 3 * (apart.high - apart.low)


@pytest.mark.slow
def test_very_many_trials_thrown_together_have_the_interval_that_each_by_itself_would_give() -> None:
    rng = np.random.default_rng(6)
    trials, looks = 30_000, 3
    difference = np.repeat(rng.normal(0.01, 1, trials), looks)
    found = gain(
        difference,
        np.zeros(trials * looks),
        groups=np.repeat(np.arange(trials), looks),
        rng=rng,
        resamples=4_000,
        confidence=0.95,
    )
    assert found.mid == pytest.approx(difference.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * difference.std() / np.sqrt(trials), rel=0.06)


def test_the_same_draw_gives_the_same_interval_and_nothing_to_compare_is_an_error() -> None:
    def found() -> object:
        rng = np.random.default_rng(3)
        return gain([1.0, 2.0], [0.0, 3.0], groups=["a", "b"], rng=rng, resamples=50, confidence=0.9)

    assert found() == found()
    with pytest.raises(MetricError, match="no rows"):
        gain([], [], groups=[], rng=np.random.default_rng(3), resamples=50, confidence=0.9)


def test_a_model_that_leans_on_how_long_trials_stay_does_not_win() -> None:
    """Trials that convert leave, so they have one row and the others have many: rows must count, not trials."""
    rng = np.random.default_rng(5)
    converts = rng.random(20_000) < 0.4
    rows = np.where(converts, 1, 5)
    trial, y = np.repeat(np.arange(20_000), rows), np.repeat(converts, rows)
    right, leaning = np.full(len(y), y.mean()), np.full(len(y), 0.4)

    def loss(p: np.ndarray) -> np.ndarray:
        return np.asarray(-np.where(y, np.log(p), np.log(1 - p)))

    assert gain(loss(leaning), loss(right), groups=trial, rng=rng, resamples=200, confidence=0.9).low > 0

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, repeat

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.promotion.conduct import TIMED, alike, milliseconds, pairs
from churn_pipeline.core.reasons import Explanation
from churn_pipeline.core.schema import FeatureSchema, ModelFeature
from churn_pipeline_tests.scorers import fitted, trials

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pushed:
    """A model whose pushes stand in the columns x and y."""

    schema: FeatureSchema = field(
        default_factory=lambda: FeatureSchema((ModelFeature("x", "number"), ModelFeature("y", "number")))
    )

    def explain(self, frame: pd.DataFrame) -> Explanation:
        pushes = frame[["x", "y"]].to_numpy(dtype=np.float64)
        return Explanation(("x", "y"), -1.0, pushes, pushes.sum(axis=1) - 1.0)


def looks(trials: int, each: int) -> pd.DataFrame:
    """Trials looked at so often, in no order; x and y say which look it is."""
    frame = pd.DataFrame(
        {
            "trial_id": np.repeat([f"t{n}" for n in range(trials)], each),
            "as_of": [BEGIN + timedelta(days=day) for _ in range(trials) for day in range(each)],
            "x": np.tile(np.arange(each, dtype=np.float64), trials),
            "y": 1.0,
        }
    )
    return frame.sample(frac=1, random_state=1)


def ticking(seconds: Iterator[float]) -> Callable[[], float]:
    """A timer by which each row takes as long as it is told."""
    ends = accumulate(chain.from_iterable((0.0, took) for took in seconds))
    return lambda: next(ends)


def test_the_time_of_a_trial_is_the_median_of_rows_that_are_no_first_one() -> None:
    frame, rng = looks(30, 2), np.random.default_rng(1)
    took = milliseconds(Pushed(), frame, rng=rng, timer=ticking(chain([9.0], repeat(0.25, TIMED - 5), repeat(5.0, 5))))
    assert took == 250.0


def test_a_real_model_is_scored_and_explained_in_its_time() -> None:
    frame, _ = trials(40, seed=3)
    timer = ticking(repeat(0.03))
    assert milliseconds(fitted(), frame, rng=np.random.default_rng(1), timer=timer) == pytest.approx(30)


def test_pairs_are_consecutive_looks_at_one_trial_each_trial_once() -> None:
    found = pairs(looks(50, 4), rng=np.random.default_rng(1), most=20)
    earlier, later = found[::2], found[1::2]
    assert len(earlier) == 20
    assert earlier["trial_id"].is_unique
    assert list(earlier["trial_id"]) == list(later["trial_id"])
    assert (later["x"].to_numpy() - earlier["x"].to_numpy() == 1).all()
    assert set(earlier["x"]) == {0.0, 1.0, 2.0}, "not always the same looks"


def test_trials_that_were_looked_at_once_make_no_pairs() -> None:
    none = pairs(looks(50, 1), rng=np.random.default_rng(1))
    assert none.empty
    assert not len(alike(Pushed(), none))


def test_reasons_are_alike_by_the_cosine_of_their_pushes() -> None:
    pushes = [(1, 2), (2, 4), (1, 0), (0, 3), (1, 1), (-1, -1), (0, 0), (0, 0), (0, 0), (1, 0)]
    frame = pd.DataFrame(pushes, columns=["x", "y"], dtype=np.float64)
    assert alike(Pushed(), frame) == pytest.approx([1, 0, -1, 1, 0])

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.training.choice import Choice, choose
from churn_pipeline.core.log_odds import probability

RNG = np.random.default_rng(3)
TRIALS = np.array([f"t{n // 3}" for n in range(6_000)], dtype=object)
SIGNALS = RNG.normal(size=(3, 6_000))
LABELS = (RNG.random(6_000) < probability(SIGNALS.sum(axis=0))).astype(float)


def chosen(**margins: np.ndarray) -> Choice:
    return choose(margins, LABELS, groups=TRIALS, rng=np.random.default_rng(1))


def test_two_models_that_know_different_things_are_blended() -> None:
    found = chosen(logistic=SIGNALS[0], xgboost=SIGNALS[0] + SIGNALS[1] / 2, lightgbm=SIGNALS[0] + SIGNALS[2])
    assert found.chosen.name == "blend"
    assert {name for name, weight in found.chosen.weights.items() if weight > 0} >= {"xgboost", "lightgbm"}
    assert found.chosen.loss < min(candidate.loss for candidate in found.considered if candidate.name != "blend")


def test_the_floor_stays_where_others_are_better_only_by_luck() -> None:
    noisy = {name: SIGNALS.sum(axis=0) + RNG.normal(0, 0.02, 6_000) for name in ("xgboost", "lightgbm")}
    found = chosen(logistic=SIGNALS.sum(axis=0), **noisy)
    assert found.chosen.name == "logistic"
    assert dict(found.chosen.weights) == {"logistic": 1.0}


def test_one_good_model_alone_is_taken_alone() -> None:
    found = chosen(logistic=SIGNALS[0], xgboost=SIGNALS.sum(axis=0), lightgbm=SIGNALS[0])
    assert found.chosen.name == "xgboost"
    assert [candidate.name for candidate in found.considered] == ["logistic", "xgboost", "lightgbm", "blend"]


def test_the_floor_alone_is_the_only_candidate() -> None:
    found = chosen(logistic=SIGNALS[0])
    assert [candidate.name for candidate in found.considered] == ["logistic"]
    assert found.chosen.loss == pytest.approx(np.logaddexp(0, np.where(LABELS > 0, -SIGNALS[0], SIGNALS[0])).mean())

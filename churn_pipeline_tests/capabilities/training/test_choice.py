from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.training.choice import Choice, choose
from churn_pipeline.core.log_odds import losses, probability

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
    assert found.chosen.weights["logistic"] == pytest.approx(1, abs=0.05)


def test_one_good_model_alone_is_taken_alone() -> None:
    found = chosen(logistic=SIGNALS[0], xgboost=SIGNALS.sum(axis=0), lightgbm=SIGNALS[0])
    assert found.chosen.name == "xgboost"
    assert [candidate.name for candidate in found.considered] == ["logistic", "xgboost", "lightgbm", "blend"]


def test_the_floor_alone_is_the_only_candidate() -> None:
    found = chosen(logistic=SIGNALS.sum(axis=0))
    assert [candidate.name for candidate in found.considered] == ["logistic"]
    assert found.chosen.weights["logistic"] == pytest.approx(1, abs=0.05)
    assert found.chosen.loss == pytest.approx(
        float(losses(found.chosen.margin({"logistic": SIGNALS.sum(axis=0)}), LABELS).mean())
    )


def test_what_tells_nothing_weighs_all_but_nothing_and_still_ranks() -> None:
    noise = np.random.default_rng(9).normal(size=6_000)
    found = chosen(logistic=3 * noise)
    assert found.chosen.weights["logistic"] < 0.03
    margin = found.chosen.margin({"logistic": 3 * noise})
    assert (np.argsort(margin) == np.argsort(noise)).all()
    assert probability(margin).mean() == pytest.approx(LABELS.mean(), abs=0.005)

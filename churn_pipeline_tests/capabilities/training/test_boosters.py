from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from churn_pipeline.capabilities.training.boosters import LightGBM, XGBoost
from churn_pipeline.capabilities.training.learners import Learner, Material
from churn_pipeline.capabilities.training.networks import Network
from churn_pipeline.core.metrics import auc

BOOSTERS: list[Any] = [XGBoost(7), LightGBM(7)]
LEARNERS: list[Any] = [*BOOSTERS, Network(7)]


def material(rows: int = 1_500) -> Material:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 5))
    y = (rng.random(rows) < 1 / (1 + np.exp(-1.5 * x[:, 0] - x[:, 1] * x[:, 2]))).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    cut = rows * 2 // 3
    return Material(x[:cut], y[:cut], x[cut:], y[cut:])


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_a_fit_stops_by_itself_and_says_what_it_lost_on_validation(learner: Learner) -> None:
    given = material()
    stopped = learner.fit_stopped(given, learner.space.first)
    margin = stopped.member.margin(given.x_validation)
    assert auc(margin, given.y_validation) > 0.7
    assert 5 < stopped.rounds < 400
    assert np.logaddexp(0, np.where(given.y_validation > 0, -margin, margin)).mean() == pytest.approx(
        stopped.loss, abs=1e-5
    )


@pytest.mark.parametrize("booster", BOOSTERS, ids=lambda b: b.name)
def test_the_same_rows_give_the_same_bytes_however_many_threads_work(booster: XGBoost | LightGBM) -> None:
    def fitted(threads: int) -> tuple[dict[str, bytes], ...]:
        given, with_threads = material(9_000), replace(booster, threads=threads)
        stopped = with_threads.fit_stopped(given, booster.space.first)
        return stopped.member.files(), with_threads.fit(given.x, given.y, booster.space.first, rounds=20).files()

    assert fitted(1) == fitted(1) == fitted(2) == fitted(3)

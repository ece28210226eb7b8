from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from churn_pipeline.capabilities.training import networks
from churn_pipeline.capabilities.training.algebra import one_thread
from churn_pipeline.capabilities.training.learners import Material
from churn_pipeline.capabilities.training.networks import Network
from churn_pipeline.core.log_odds import losses
from churn_pipeline.core.members.network import Inputs, silu
from churn_pipeline_tests.capabilities.training.test_boosters import material

NETWORK = Network(7)


def test_gradients_are_those_of_the_loss() -> None:
    """Each against the loss of networks of which one weight is moved."""
    given = material(300)
    rows = networks._Read.by(Inputs.learn(given.x), given.x, given.y)
    learning = networks._Learning.begun(rows, {"units": 3, "learning_rate": 0.1, "decay": 0.0}, seed=1)
    learning.round()
    learning.weights = [part.astype(np.float64) for part in learning.weights]  # so that differences tell
    found = learning._gradients(rows.given, rows.y)

    def lost() -> float:
        weights, biases, slopes, intercepts = learning.weights
        reached = silu(rows.given @ weights + biases).reshape(len(rows.y), *slopes.shape)
        return float(losses((reached * slopes).sum(axis=2) + intercepts, rows.y[:, None]).mean(axis=0).sum())

    for part, gradient in zip(learning.weights, found, strict=True):
        place = tuple(size - 1 for size in part.shape)
        kept, step = part[place], 1e-5
        part[place] = kept + step
        more = lost()
        part[place] = kept - step
        slope = (more - lost()) / (2 * step)
        part[place] = kept
        assert gradient[place] == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_it_learns_what_no_line_tells() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4_000, 3))
    y = (rng.random(4_000) < 1 / (1 + np.exp(-3 * x[:, 0] * x[:, 1]))).astype(float)
    stopped = NETWORK.fit_stopped(Material(x[:3_000], y[:3_000], x[3_000:], y[3_000:]), NETWORK.space.first)
    assert stopped.loss < 0.5
    assert 1 < stopped.rounds < networks.MOST_ROUNDS


def test_the_threads_of_the_linear_algebra_change_no_byte() -> None:
    given = material(9_000)
    fits = []
    for threads in (1, 2):
        with threadpool_limits(threads), one_thread():
            fits.append(NETWORK.fit(given.x, given.y, NETWORK.space.first, rounds=5).files())
    assert fits[0] == fits[1]


def test_many_rows_are_learnt_from_by_a_part_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "MOST_ROWS", 500)
    given = material()
    rows = NETWORK._drawn(given.x, given.y)
    assert rows.given.shape == (500, 10)
    assert NETWORK.fit(given.x, given.y, NETWORK.space.first, rounds=3).margin(given.x).shape == (1_000,)


def test_fewer_rows_than_a_batch_are_enough() -> None:
    given = material(90)
    assert np.isfinite(NETWORK.fit(given.x, given.y, NETWORK.space.first, rounds=3).margin(given.x)).all()

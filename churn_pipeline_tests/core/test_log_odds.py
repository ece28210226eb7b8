from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core import log_odds as logit


@given(st.floats(-logit.LIMIT, logit.LIMIT))
def test_within_the_limit_log_odds_survive_the_way_to_a_probability_and_back(value: float) -> None:
    assert float(logit.log_odds(logit.probability(value))) == pytest.approx(value, abs=1e-7)


def test_extreme_log_odds_overflow_nowhere() -> None:
    assert logit.probability([-1e4, 1e4]).tolist() == [0.0, 1.0]
    assert logit.losses([-1e4, 1e4], [1, 1]).tolist() == [1e4, 0.0]


def test_the_fit_is_where_the_likelihood_is_flat() -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(500), rng.normal(size=(500, 3))])
    target = (rng.random(500) < logit.probability(design @ [-1, 1, 0, 0.5])).astype(float)
    weights = rng.uniform(0.5, 2, 500)
    found = logit.fit_linear(design, target, penalty=[0, 2, 2, 2], weights=weights).coefficients
    slope = design.T @ (weights * (logit.probability(design @ found) - target)) + np.array([0, 2, 2, 2]) * found
    assert np.abs(slope).max() < 1e-5


def test_steps_that_overshoot_are_halved_until_they_help() -> None:
    rng = np.random.default_rng(762)  # a seed where a full Newton step makes the loss larger
    design = np.column_stack([np.ones(12), rng.standard_t(1, size=(12, 2)) * 3])
    target = (rng.random(12) < 0.5).astype(float)
    found = logit.fit_linear(design, target, penalty=1e-3).coefficients
    slope = design.T @ (logit.probability(design @ found) - target) + 1e-3 * found
    assert np.abs(slope).max() < 1e-5


def test_rows_that_a_line_separates_have_no_fit_without_a_penalty() -> None:
    design = np.column_stack([np.ones(4), [-2.0, -1.0, 1.0, 2.0]])
    target = np.array([0.0, 0.0, 1.0, 1.0])
    with pytest.raises(logit.NotFittedError, match="raise the penalty"):
        logit.fit_linear(design, target, steps=5)
    assert logit.fit_linear(design, target, penalty=0.1).loss < 0.3

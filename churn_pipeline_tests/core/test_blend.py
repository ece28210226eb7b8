from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.core.blend import fit_blend
from churn_pipeline.core.log_odds import losses, probability


def _margins(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=800)
    margins = np.column_stack(
        [truth + rng.normal(0, 1, 800), truth + rng.normal(0, 2, 800), -truth + rng.normal(0, 1, 800)]
    )
    return margins, (rng.random(800) < probability(truth)).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_the_weights_are_the_best_that_are_not_negative(seed: int) -> None:
    from scipy.optimize import minimize

    margins, labels = _margins(seed)
    found = fit_blend(margins, labels)

    def cost(beta: np.ndarray) -> float:
        design = np.column_stack([np.ones(800), margins])
        return float(losses(design @ beta, labels).sum() + 0.5 * (beta[1:] ** 2).sum() + 0.5e-3 * beta[0] ** 2)

    best = minimize(cost, np.zeros(4), method="L-BFGS-B", bounds=[(None, None), *[(0, None)] * 3], tol=1e-12)
    np.testing.assert_allclose([found.intercept, *found.weights], best.x, atol=2e-3)
    assert cost(np.array([found.intercept, *found.weights])) <= best.fun + 1e-9
    assert found.weights[2] == 0.0
    assert found.loss == pytest.approx(losses(found(margins), labels).mean())


def test_where_no_member_helps_the_base_rate_is_left() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0] * 50)
    found = fit_blend((0.5 - labels)[:, None], labels)
    assert found.weights == (0.0,)
    assert float(probability(found.intercept)) == pytest.approx(0.25, abs=1e-3)


def test_two_equal_members_share_the_weight() -> None:
    margins, labels = _margins(1)
    found = fit_blend(margins[:, [0, 0]], labels)
    assert found.weights[0] == pytest.approx(found.weights[1], abs=1e-6)


def test_too_many_members_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 8"):
        fit_blend(np.zeros((3, 9)), [0, 1, 0])

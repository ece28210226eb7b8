from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.noise import normal, uniform


def test_a_number_depends_on_seed_purpose_and_keys_alone() -> None:
    keys = np.arange(1_000)
    drawn = uniform(1, "arm", keys, 5)
    assert np.array_equal(drawn[500:], uniform(1, "arm", keys[500:], 5))
    for other in (uniform(2, "arm", keys, 5), uniform(1, "hour", keys, 5), uniform(1, "arm", keys, 6)):
        # three standard errors of the correlation of 1,000 pairs
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.095


def test_numbers_are_uniform_and_strictly_between_0_and_1() -> None:
    drawn = uniform(7, "x", np.arange(300)[:, None], np.arange(300))
    assert drawn.shape == (300, 300)
    assert 0 < drawn.min() < drawn.max() < 1
    counts = np.bincount((drawn.ravel() * 20).astype(int), minlength=20)
    # chi-square of 19 degrees of freedom, one in a thousand
    assert ((counts - 4_500) ** 2 / 4_500).sum() < 43.8


def test_normal_numbers_are_standard_normal() -> None:
    drawn = normal(7, "x", np.arange(100_000))
    assert drawn.mean() == pytest.approx(0, abs=0.013)
    assert drawn.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(drawn) > 1.96).mean() == pytest.approx(0.05, abs=0.003)


def test_no_keys_have_no_numbers() -> None:
    assert len(uniform(7, "x", np.array([], np.int64))) == 0

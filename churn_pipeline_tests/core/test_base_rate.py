from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.core.base_rate import BaseRate


def test_each_trial_day_has_the_rate_of_its_own_rows() -> None:
    days = np.repeat([1, 14], 5_000)
    converted = np.r_[np.arange(5_000) < 2_000, np.arange(5_000) < 500]
    base = BaseRate.learn(days, converted)
    assert base.probability([1, 14, 1]) == pytest.approx([0.4, 0.1, 0.4], abs=0.002)
    assert base.overall == pytest.approx(0.25, abs=0.001)


def test_a_day_with_few_rows_says_little_and_an_unseen_day_says_the_overall_rate() -> None:
    base = BaseRate.learn([1] * 100 + [30], [True] * 50 + [False] * 50 + [True])
    assert base.overall < base.by_day[30] < 0.55
    assert base.probability([7]) == pytest.approx([base.overall])


def test_it_is_never_certain_and_survives_json() -> None:
    base = BaseRate.learn([1, 2], [False, False])
    assert 0 < base.overall < 0.5
    assert BaseRate.from_json(base.to_json()) == base

from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.capabilities.training.boosters import LightGBM, XGBoost
from churn_pipeline.capabilities.training.spaces import lightgbm_space, xgboost_space


@pytest.mark.parametrize("space", [xgboost_space(), lightgbm_space()], ids=["xgboost", "lightgbm"])
def test_a_search_begins_inside_and_the_grid_reaches_from_border_to_border(space: Any) -> None:
    assert space.nearest(space.first) == space.first
    assert len(space.grid()) == 216
    for each in space.ranges:
        assert (each.grid()[0], each.grid()[-1]) == (each.low, each.high)


def test_each_library_is_searched_where_it_is_declared() -> None:
    assert XGBoost(7).space == xgboost_space()
    assert LightGBM(7).space == lightgbm_space()

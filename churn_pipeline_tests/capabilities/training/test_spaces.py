from __future__ import annotations

import pytest

from churn_pipeline.capabilities.training.boosters import LightGBM, XGBoost
from churn_pipeline.capabilities.training.networks import Network
from churn_pipeline.capabilities.training.space import Space
from churn_pipeline.capabilities.training.spaces import lightgbm_space, network_space, xgboost_space

SPACES = {"xgboost": (xgboost_space(), 216), "lightgbm": (lightgbm_space(), 216), "network": (network_space(), 36)}


@pytest.mark.parametrize(("space", "points"), SPACES.values(), ids=SPACES)
def test_a_search_begins_inside_and_the_grid_reaches_from_border_to_border(space: Space, points: int) -> None:
    assert space.nearest(space.first) == space.first
    assert len(space.grid()) == points
    for each in space.ranges:
        assert (each.grid()[0], each.grid()[-1]) == pytest.approx((each.low, each.high))


def test_each_learner_is_searched_where_it_is_declared() -> None:
    assert {learner.name: learner.space for learner in (XGBoost(7), LightGBM(7), Network(7))} == {
        name: space for name, (space, _) in SPACES.items()
    }

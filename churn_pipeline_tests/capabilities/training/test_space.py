from __future__ import annotations

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.capabilities.training.space import Range, Space

SPACE = Space(
    (
        Range("rate", 0.06, 0.2, first=0.1, levels=2, log=True),
        Range("leaves", 4, 48, first=15, levels=3, log=True, integer=True),
        Range("share", 0.3, 1.0, first=0.7, levels=3),
    )
)


def test_a_grid_has_every_combination_of_evenly_spaced_levels_once() -> None:
    grid = SPACE.grid()
    assert len(grid) == len({tuple(point.values()) for point in grid}) == 2 * 3 * 3
    assert grid[0] == {"rate": 0.06, "leaves": 4, "share": 0.3}
    assert grid[-1] == {"rate": 0.2, "leaves": 48, "share": 1.0}
    assert sorted({point["leaves"] for point in grid}) == [4, 14, 48]


def test_levels_that_round_to_the_same_whole_number_are_one() -> None:
    assert Range("depth", 2, 3, first=2, levels=5, integer=True).grid() == (2, 3)


@pytest.mark.flow
def test_whatever_is_suggested_on_the_grid_or_near_something_lies_in_the_space() -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)).ask()
    assert SPACE.suggest(trial) == trial.params
    for point in SPACE.grid():
        assert all(trial.distributions[name]._contains(value) for name, value in point.items())


@given(st.dictionaries(st.sampled_from(["rate", "leaves", "share", "rounds"]), st.floats(-100, 100)))
def test_the_nearest_point_lies_in_the_space_and_is_its_own_nearest(parameters: dict[str, float]) -> None:
    nearest = SPACE.nearest(parameters)
    assert set(nearest) == {"rate", "leaves", "share"}
    assert all(each.low <= nearest[each.name] <= each.high for each in SPACE.ranges)
    assert isinstance(nearest["leaves"], int)
    assert SPACE.nearest(nearest) == nearest


def test_where_a_search_begins_is_a_point_of_the_space() -> None:
    assert SPACE.nearest(SPACE.first) == SPACE.first

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from churn_pipeline.core.log_odds import probability
from churn_pipeline.core.members import MemberError
from churn_pipeline.core.members.xgboost import XGBoostMember
from churn_pipeline_tests.core.members.trees import Node, rows, shapley
from churn_pipeline_tests.scorers import xgboost_member

if TYPE_CHECKING:
    import xgboost


def _tree(given: dict[str, Any]) -> Node:
    if "leaf" in given:
        return Node(given["cover"], value=given["leaf"])
    sides = {child["nodeid"]: child for child in given["children"]}
    return Node(
        given["cover"],
        column=int(given["split"][1:]),
        left=lambda value: bool(np.float32(value) < np.float32(given["split_condition"])),
        null_left=given["missing"] == given["yes"],
        yes=_tree(sides[given["yes"]]),
        no=_tree(sides[given["no"]]),
    )


def _base_score(booster: xgboost.Booster) -> float:
    given = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    rate = float(given.strip("[]"))
    return float(np.log(rate / (1 - rate)))


def test_pushes_are_the_shapley_values_of_brute_force() -> None:
    member = xgboost_member(*rows(600, 1), rounds=12)
    trees = [_tree(json.loads(dump)) for dump in member.booster.get_dump(dump_format="json", with_stats=True)]
    start = _base_score(member.booster)
    x, _ = rows(6, 2)
    base, pushes = member.contributions(x)
    for row, found in zip(x, pushes, strict=True):
        *expected, nothing = shapley(trees, row.tolist())
        np.testing.assert_allclose(found, expected, atol=2e-5)
        assert base == pytest.approx(nothing + start, abs=2e-5)


def test_base_and_pushes_give_the_margin_of_the_library() -> None:
    import xgboost

    member = xgboost_member(*rows(800, 1), rounds=60)
    x, _ = rows(2000, 2)
    base, pushes = member.contributions(x)
    margin = member.margin(x)
    assert np.abs(base + pushes.sum(axis=1) - margin).max() < 1e-5
    np.testing.assert_allclose(probability(margin), member.booster.predict(xgboost.DMatrix(x)), atol=1e-6)


def test_early_stopping_keeps_the_best_round_only() -> None:
    import xgboost

    x, labels = rows(400, 1)
    held, held_labels = rows(400, 2)
    watched = [(xgboost.DMatrix(held, held_labels), "held")]
    parameters = {"objective": "binary:logistic", "eta": 0.8, "max_depth": 6, "nthread": 1}
    booster = xgboost.train(
        parameters, xgboost.DMatrix(x, labels), 50, evals=watched, early_stopping_rounds=5, verbose_eval=False
    )
    kept = XGBoostMember.of(booster)
    assert kept.booster.num_boosted_rounds() == booster.best_iteration + 1 < booster.num_boosted_rounds()


def test_a_booster_of_something_else_is_refused() -> None:
    import xgboost

    x, labels = rows(50, 1)
    with pytest.raises(MemberError, match="reg:squarederror; allowed: binary:logistic"):
        XGBoostMember.of(xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(x, labels), 2))

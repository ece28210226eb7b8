from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.core.log_odds import probability
from churn_pipeline.core.members import MemberError
from churn_pipeline.core.members.lightgbm import LightGBMMember
from churn_pipeline_tests.core.members.trees import Node, rows, shapley
from churn_pipeline_tests.scorers import lightgbm_member


def _tree(given: dict[str, Any]) -> Node:
    if "leaf_value" in given:
        return Node(given["leaf_count"], value=given["leaf_value"])
    assert given["decision_type"] == "<="
    assert given["missing_type"] == "NaN"
    return Node(
        given["internal_count"],
        column=given["split_feature"],
        left=lambda value: value <= given["threshold"],
        null_left=given["default_left"],
        yes=_tree(given["left_child"]),
        no=_tree(given["right_child"]),
    )


def test_pushes_are_the_shapley_values_of_brute_force() -> None:
    member = lightgbm_member(*rows(600, 1), rounds=12)
    trees = [_tree(dump["tree_structure"]) for dump in member.booster.dump_model()["tree_info"]]
    x, _ = rows(6, 2)
    base, pushes = member.contributions(x)
    for row, found in zip(x, pushes, strict=True):
        *expected, nothing = shapley(trees, row.tolist())
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert base == pytest.approx(nothing, abs=1e-9)


def test_base_and_pushes_give_the_margin_of_the_library() -> None:
    member = lightgbm_member(*rows(800, 1), rounds=60)
    x, _ = rows(2000, 2)
    base, pushes = member.contributions(x)
    assert np.abs(base + pushes.sum(axis=1) - member.margin(x)).max() < 1e-10
    np.testing.assert_allclose(probability(member.margin(x)), member.booster.predict(x), atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_text_that_was_cut_off_is_refused_before_the_library_ends_the_process(share: float) -> None:
    (whole,) = lightgbm_member(*rows(400, 1), rounds=12).files().values()
    begin, end = whole.index(b"Tree=0"), whole.index(b"end of trees")
    with pytest.raises(MemberError, match="not whole"):
        LightGBMMember.read({"lightgbm.txt": whole[: begin + round(share * (end - begin))]})
    with pytest.raises(MemberError, match="not whole"):
        LightGBMMember.read({"lightgbm.txt": whole[: end - 200] + whole[end:]})


def test_early_stopping_keeps_the_best_round_only() -> None:
    import lightgbm

    x, labels = rows(400, 1)
    held, held_labels = rows(400, 2)
    known = lightgbm.Dataset(x, labels)
    booster = lightgbm.train(
        {"objective": "binary", "learning_rate": 0.8, "verbose": -1, "num_threads": 1},
        known,
        50,
        valid_sets=[lightgbm.Dataset(held, held_labels, reference=known)],
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )
    kept = LightGBMMember.of(booster)
    assert kept.booster.num_trees() == booster.best_iteration < 50


def test_a_booster_of_something_else_is_refused() -> None:
    import lightgbm

    x, labels = rows(50, 1)
    booster = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(x, labels), 2)
    with pytest.raises(MemberError, match="objective=regression; allowed: objective=binary"):
        LightGBMMember.of(booster)

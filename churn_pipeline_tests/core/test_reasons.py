from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.core.reasons import Explanation, ReasonsError, reasons, stretched, words
from churn_pipeline.core.schema import FeatureSchema, ModelFeature

NAMES = ("g", "c", "a", "f", "b", "e", "d")
SCHEMA = FeatureSchema(tuple(ModelFeature(name, "number") for name in NAMES))
PUSHES = arrays(np.float64, (3, 7), elements=st.floats(-4, 4).map(lambda push: round(push, 2)))
COLUMNS = [
    name for name in SCORES.names if name == "base_log_odds" or name.startswith("reason_") or name == "other_log_odds"
]


def _explained(pushes: np.ndarray, rounding: float = 0.0) -> Explanation:
    return Explanation(NAMES[: pushes.shape[1]], -0.5, pushes, -0.5 + pushes.sum(axis=1) + rounding)


def _frame(rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame(np.ones((rows, 7)), columns=NAMES)


@given(PUSHES)
def test_base_shown_and_other_pushes_give_the_log_odds_and_the_largest_are_shown(pushes: np.ndarray) -> None:
    explained = _explained(pushes, rounding=5e-5)
    found = reasons(explained, _frame(), SCHEMA)
    shown = found[[f"reason_{place}_push" for place in range(1, 6)]].to_numpy()
    total = found["base_log_odds"] + shown.sum(axis=1) + found["other_log_odds"]
    np.testing.assert_allclose(total, explained.log_odds, atol=1e-12)
    np.testing.assert_array_equal(np.abs(shown), -np.sort(-np.abs(pushes), axis=1)[:, :5])


@given(PUSHES)
def test_words_agree_with_signs(pushes: np.ndarray) -> None:
    found = reasons(_explained(pushes), _frame(), SCHEMA)
    for place in range(1, 6):
        for push, said in zip(found[f"reason_{place}_push"], found[f"reason_{place}_words"], strict=True):
            end = "pushes up" if push > 0 else "pushes down" if push < 0 else "has no effect"
            assert said.endswith(f" is 1: {end}")


@given(PUSHES, st.permutations(range(7)))
def test_the_order_of_features_changes_no_reason(pushes: np.ndarray, order: list[int]) -> None:
    first = reasons(_explained(pushes), _frame(), SCHEMA)
    explained = _explained(pushes)
    turned = Explanation(tuple(NAMES[i] for i in order), -0.5, pushes[:, order], explained.log_odds)
    second = reasons(turned, _frame()[[NAMES[i] for i in order]], SCHEMA)
    pd.testing.assert_frame_equal(first, second, check_exact=False, atol=1e-12, rtol=0)


def test_rounding_that_a_steep_calibration_would_stretch_is_dealt_out_by_size_and_nothing_else_is() -> None:
    rows = np.array(
        [[0.5, -0.25, 0.25, 0.0], [0.5, -0.25, 0.25, 0.0], [3e-3, -2e-3, 0.0, 0.0], [0.5, -0.25, 0.25, 0.0]]
    )
    missed, steep = np.array([1e-5, -1e-5, 1e-5, 3e-5]), np.full(4, 50.0)
    np.testing.assert_array_equal(stretched(rows, missed, np.full(4, 2.0)), rows * 2)
    found = stretched(rows, missed, steep) / 50
    np.testing.assert_allclose(found.sum(axis=1)[:2], rows.sum(axis=1)[:2] + missed[:2], atol=1e-15)
    np.testing.assert_allclose(found[0], [0.500005, -0.2499975, 0.2500025, 0.0], atol=1e-12)
    # too much of so small pushes, and more than rounding
    np.testing.assert_array_equal(found[2:] * 50, rows[2:] * 50)
    nothing = np.zeros((1, 4))
    np.testing.assert_array_equal(stretched(nothing, missed[:1], steep[:1]), nothing)


@given(PUSHES, st.floats(-1.9e-5, 1.9e-5))
def test_no_push_changes_by_more_than_a_thousandth_of_itself(pushes: np.ndarray, missed: float) -> None:
    found = stretched(pushes, np.full(3, missed), np.full(3, 1e3)) / 1e3
    assert (np.abs(found - pushes) <= 1e-3 * np.abs(pushes)).all()


def test_equal_pushes_are_told_by_name() -> None:
    found = reasons(_explained(np.array([[0.1, -0.1] * 3 + [0.1]])), _frame(1), SCHEMA)
    assert [found[f"reason_{place}_feature"].item() for place in range(1, 6)] == ["a", "b", "c", "d", "e"]


def test_the_columns_are_those_of_the_contract_on_the_index_of_the_frame() -> None:
    frame = _frame().set_index(pd.Index([7, 3, 9]))
    found = reasons(_explained(np.zeros((3, 7))), frame, SCHEMA)
    assert list(found.columns) == COLUMNS
    assert list(found.index) == [7, 3, 9]


@pytest.mark.parametrize("features", [0, 2])
def test_a_model_of_few_features_leaves_the_last_reasons_null(features: int) -> None:
    found = reasons(_explained(np.full((3, features), 0.2)), _frame(), SCHEMA)
    assert list(found.columns) == COLUMNS
    assert found[f"reason_{features + 1}_feature"].isna().all()
    assert found["reason_5_push"].isna().all()
    assert found["other_log_odds"].abs().max() < 1e-12


def test_a_null_value_says_so() -> None:
    schema = FeatureSchema(
        (ModelFeature("sector", "category", says="in sector {value}"), ModelFeature("size", "number"))
    )
    frame = pd.DataFrame({"sector": [None, "law"], "size": [np.nan, 12345678.0]})
    explained = Explanation(("sector", "size"), 0.0, np.array([[-0.2, 0.1], [0.2, 0.0]]), np.array([-0.1, 0.2]))
    found = reasons(explained, frame, schema)
    assert found["reason_1_words"].tolist() == ["sector is unknown: pushes down", "in sector law: pushes up"]
    assert found["reason_2_words"].tolist() == ["size is unknown: pushes up", "size is 1.23457e+07: has no effect"]
    assert found["reason_1_value"].isna().tolist() == [True, False]
    assert found["reason_1_value"].tolist()[1] == "law"


def test_words_come_from_the_template_of_the_feature() -> None:
    invites = ModelFeature("invites", "number", says="invited {value:.0f} teammates in the last 7 days")
    assert words(invites, 3.0, 0.2) == "invited 3 teammates in the last 7 days: pushes up"


@pytest.mark.parametrize("rounding", [2e-4, np.nan, np.inf])
def test_pushes_that_do_not_add_up_are_refused_with_the_row(rounding: float) -> None:
    log_odds = np.array([-0.5, -0.5 + rounding])
    with pytest.raises(ReasonsError, match=re.escape("allowed: less than 0.0001")):
        Explanation(NAMES, -0.5, np.zeros((2, 7)), log_odds)

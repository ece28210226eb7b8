from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from churn_pipeline.capabilities.training.recipe import Recipe, fingerprint
from churn_pipeline.settings import Settings
from churn_pipeline_tests.past import CATALOGUE, past

RECIPE = Recipe.of(Settings())


def mark(frame: pd.DataFrame, **changed: object) -> str:
    given = {"catalogue": CATALOGUE, "recipe": RECIPE, "code": "1"} | changed
    return fingerprint(frame, **given)  # type: ignore[arg-type] # keywords by name


def test_the_order_of_rows_and_columns_and_unused_columns_change_nothing() -> None:
    frame = past(60)
    shuffled = frame.sample(frac=1, random_state=1)[sorted(frame.columns, reverse=True)].assign(unused=1)
    assert mark(frame) == mark(shuffled)


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": replace(RECIPE, seed=1)},
        {"recipe": replace(RECIPE, tuning_trials=3)},
        {"code": "2"},
        {"catalogue": CATALOGUE[:-1]},
    ],
)
def test_what_a_model_depends_on_changes_it(changed: dict[str, object]) -> None:
    frame = past(60)
    assert mark(frame) != mark(frame, **changed)


@pytest.mark.parametrize("column", ["converted", "events", "gap", "sector", "started_at", "trial_day"])
def test_a_change_of_one_value_changes_it(column: str) -> None:
    frame = past(60)
    other = frame.copy()
    values = list(frame[column])
    values[0] = next(value for value in values if value != values[0])
    other[column] = values
    assert mark(frame) != mark(other)


def test_null_is_a_value_of_its_own() -> None:
    frame = past(60)
    none, word = frame.copy(), frame.copy()
    none.loc[0, "sector"] = None
    word.loc[0, "sector"] = "None"
    assert mark(none) != mark(word)


def test_it_does_not_depend_on_how_types_are_stored() -> None:
    frame = past(60)
    other = frame.assign(
        converted=frame["converted"].astype("boolean"),
        started_at=frame["started_at"].dt.as_unit("ns"),
        trial_day=frame["trial_day"].astype("int32"),
        sector=frame["sector"].astype("str"),
    )
    assert mark(frame) == mark(other)

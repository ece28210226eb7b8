from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.training import boosters, recipe, spaces
from churn_pipeline.capabilities.training.boosters import LightGBM, XGBoost
from churn_pipeline.capabilities.training.learners import Learner, Material
from churn_pipeline.capabilities.training.networks import Network
from churn_pipeline.capabilities.training.recipe import Recipe, fingerprint, search_fingerprint
from churn_pipeline.core.members import kinds
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
        {"recipe": replace(RECIPE, tuning_sampler="grid")},
        {"recipe": replace(RECIPE, tuning_seconds=60.0)},
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


ROWS = np.arange(12.0).reshape(6, 2)
MATERIAL = Material(ROWS[:4], np.array([0.0, 1, 0, 1]), ROWS[4:], np.array([1.0, 0]))


@pytest.mark.flow
def test_a_search_depends_on_its_rows_its_space_its_seed_and_its_sampler() -> None:
    marks = [
        search_fingerprint(MATERIAL, XGBoost(1), sampler="tpe"),
        search_fingerprint(MATERIAL, XGBoost(1), sampler="grid"),
        search_fingerprint(MATERIAL, XGBoost(2), sampler="tpe"),
        search_fingerprint(MATERIAL, LightGBM(1), sampler="tpe"),
        search_fingerprint(replace(MATERIAL, y=1 - MATERIAL.y), XGBoost(1), sampler="tpe"),
        search_fingerprint(replace(MATERIAL, x=MATERIAL.x[::-1]), XGBoost(1), sampler="tpe"),
        search_fingerprint(replace(MATERIAL, x=MATERIAL.x.reshape(2, 4)), XGBoost(1), sampler="tpe"),
        search_fingerprint(replace(MATERIAL, x_validation=ROWS[:2]), XGBoost(1), sampler="tpe"),
    ]
    assert len(set(marks)) == len(marks)
    assert search_fingerprint(MATERIAL, XGBoost(1, threads=2), sampler="tpe") == marks[0]
    fortran = replace(MATERIAL, x=np.asfortranarray(MATERIAL.x))
    assert search_fingerprint(fortran, XGBoost(1), sampler="tpe") == marks[0]


@pytest.mark.flow
def test_another_space_or_library_is_another_search_but_that_of_another_model_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import xgboost

    before = [search_fingerprint(MATERIAL, booster, sampler="tpe") for booster in (XGBoost(1), LightGBM(1))]
    narrow = replace(spaces.xgboost_space(), ranges=spaces.xgboost_space().ranges[:2])
    monkeypatch.setattr(boosters, "xgboost_space", lambda: narrow)
    after = [search_fingerprint(MATERIAL, booster, sampler="tpe") for booster in (XGBoost(1), LightGBM(1))]
    assert after[0] != before[0]
    assert after[1] == before[1]
    monkeypatch.setattr(xgboost, "__version__", "another")
    assert search_fingerprint(MATERIAL, XGBoost(1), sampler="tpe") not in {*before, *after}


@pytest.mark.flow
def test_other_code_that_a_tuning_trial_runs_through_is_another_search(monkeypatch: pytest.MonkeyPatch) -> None:
    before = search_fingerprint(MATERIAL, XGBoost(1), sampler="tpe")
    monkeypatch.setattr(recipe, "tuning", spaces)
    assert search_fingerprint(MATERIAL, XGBoost(1), sampler="tpe") != before


def test_a_search_depends_on_every_file_of_ours_that_a_fit_goes_through() -> None:
    """Whatever a learner's module and that of its member import of the core, but for what the boosters' libraries do themselves."""
    for learner in (XGBoost(1), LightGBM(1), Network(1)):
        hashed = {Path(inspect.getfile(part)).stem for part in (type(learner), kinds()[learner.name], *learner.code)}
        read = set(
            re.findall(r"^from churn_pipeline\.core\.(?:members\.)?(\w+) import", _source(learner), re.MULTILINE)
        )
        assert read - hashed <= {"members"}, learner.name


def _source(learner: Learner) -> str:
    return "".join(Path(inspect.getfile(part)).read_text() for part in (type(learner), kinds()[learner.name]))

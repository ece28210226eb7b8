from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.fitting import FEW_CONVERSIONS, Fitted, TrainingError, fit, shortage
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.capabilities.training.tuning import as_before, from_champion
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.core.splits import Bound, after
from churn_pipeline.settings import Settings
from churn_pipeline_tests.past import BEGIN, CATALOGUE, past

RECIPE = replace(Recipe.of(Settings()), tuning_trials=3, tuning_rows=1_000)


@pytest.fixture(scope="module")
def studies(database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> Studies:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), postgres_url=database_of_module)
    return Studies(database_url(settings, schema="optuna", driver="postgresql+psycopg2"))


def fitted(studies: Studies, frame: pd.DataFrame, **changed: object) -> Fitted:
    given = {"catalogue": CATALOGUE, "recipe": RECIPE, "as_of": BEGIN, "code": "1", "business": "demo"} | changed
    return fit(frame, studies=studies, **given)  # type: ignore[arg-type] # keywords by name


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return past(1_600, signal=1.6)


@pytest.fixture(scope="module")
def model(studies: Studies, frame: pd.DataFrame) -> Fitted:
    return fitted(studies, frame)


def files(model: Fitted) -> dict[str, bytes]:
    return {name: content for member in model.scorer.members for name, content in member.files().items()}


def test_it_knows_more_than_the_base_rate_and_says_by_how_much(model: Fitted) -> None:
    overall = model.tested.overall
    assert overall.log_loss < overall.base_log_loss - 0.03
    assert overall.auc is not None
    assert overall.auc.low > 0.6
    assert model.metrics["auc"] == overall.auc.mid
    assert set(model.tested.by_day) == {1, 3, 7, 14}


def test_the_facts_are_json_and_tell_what_it_was_made_from(model: Fitted, frame: pd.DataFrame) -> None:
    facts = json.loads(json.dumps(model.facts, allow_nan=False))
    assert facts["fingerprint"] == model.fingerprint
    assert facts["note"] == ""
    assert sum(part["trials"] for part in facts["cohorts"].values()) == frame["trial_id"].nunique()
    assert facts["cohorts"]["test"]["trials"] == 400
    assert set(facts["weights"]) <= {"logistic", "xgboost", "lightgbm", "network"}
    assert set(facts["parameters"]) == {"logistic", "xgboost", "lightgbm", "network"}
    assert {name: told["trials"] for name, told in facts["tuning"].items()} == {
        "xgboost": 3,
        "lightgbm": 3,
        "network": 1,
    }
    assert sum(facts["test"]["scores"]) == model.tested.overall.rows


def test_everything_before_the_test_cohort_is_learnt_from(studies: Studies, model: Fitted, frame: pd.DataFrame) -> None:
    """The newest of it as well, which neither stops a fit nor is a tuning trial judged on it."""
    bound = Bound.from_json(model.facts["calibrated_until"])
    newest = frame[~after(frame, bound)].sort_values(["started_at", "trial_id"])["trial_id"].iloc[-1]
    other = frame.assign(converted=frame["converted"].where(frame["trial_id"] != newest, ~frame["converted"]))
    again = fitted(studies, other)
    assert again.fingerprint != model.fingerprint
    assert {**files(again), **files(model)} != {**files(model), **files(again)}
    assert again.facts["cross_fitted_loss"] != model.facts["cross_fitted_loss"]


def test_what_the_test_trials_did_changes_nothing_but_the_figures(
    studies: Studies, model: Fitted, frame: pd.DataFrame
) -> None:
    test = after(frame, Bound.from_json(model.facts["calibrated_until"]))
    again = fitted(studies, frame.assign(converted=frame["converted"].where(~test, ~frame["converted"])))
    assert again.scorer == model.scorer
    assert again.metrics["log_loss"] > model.metrics["log_loss"]


def test_the_same_rows_in_any_order_give_the_same_model_bytes(
    studies: Studies, model: Fitted, frame: pd.DataFrame
) -> None:
    again = fitted(studies, frame.sample(frac=1, random_state=4), business="another")
    assert files(again) == files(model)
    assert again.scorer == model.scorer
    assert again.fingerprint == model.fingerprint


def test_the_threads_of_the_linear_algebra_change_no_byte(studies: Studies, frame: pd.DataFrame) -> None:
    names = [f"noise_{number}" for number in range(40)]  # fewer columns are one thread's work anyway
    noise = np.random.default_rng(1).normal(size=(len(frame), len(names)))
    wide = pd.concat([frame, pd.DataFrame(noise, columns=names, index=frame.index)], axis=1)
    given: dict[str, object] = {
        "catalogue": (*CATALOGUE, *(ModelFeature(name, "number") for name in names)),
        "recipe": replace(RECIPE, few_conversions=1_000_000),  # the regression alone
    }
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            made.append(files(fitted(studies, wide, **given)))
    assert made[0] == made[1]


def test_of_the_same_data_only_tuning_trials_that_are_new_are_run(
    studies: Studies, model: Fitted, frame: pd.DataFrame
) -> None:
    more = fitted(studies, frame, recipe=replace(RECIPE, tuning_trials=4), code="2")
    assert [(tuned.reused, tuned.trials) for tuned in more.tuned.values()] == [(3, 4), (3, 4), (1, 1)]
    elsewhere = replace(RECIPE, test_share=0.2, calibration_share=0.15, few_conversions=100)
    again = fitted(studies, frame, recipe=elsewhere, code="calibrated otherwise")
    assert again.fingerprint != model.fingerprint
    assert [(tuned.reused, tuned.trials) for tuned in again.tuned.values()] == [(3, 3), (3, 3), (1, 1)]
    other = fitted(studies, frame, recipe=replace(RECIPE, tuning_sampler="random"))
    assert [tuned.reused for tuned in other.tuned.values()] == [0, 0, 0]


def test_a_search_begins_with_the_champion_and_the_facts_are_enough_to_do_it_again(
    studies: Studies, model: Fitted, frame: pd.DataFrame, tmp_path: Path
) -> None:
    before = fitted(studies, frame[frame["as_of"] < frame["as_of"].quantile(0.8)])
    rushed = replace(RECIPE, tuning_seconds=1e-9)
    assert {name: told["trials"] for name, told in fitted(studies, frame, recipe=rushed).facts["tuning"].items()} == {
        "xgboost": 1,
        "lightgbm": 1,
        "network": 1,
    }
    changed = replace(RECIPE, seed=3)
    begun = fitted(studies, frame, recipe=changed, earlier=from_champion(before.facts))
    told = begun.facts["tuning"]["lightgbm"]
    assert told["warm_start"] is None or told["warm_start"].items() <= before.facts["parameters"]["lightgbm"].items()
    assert any(told["warm_start"] for told in begun.facts["tuning"].values())
    fresh = Studies(f"sqlite:///{tmp_path}/studies.db")
    again = fitted(fresh, frame, recipe=changed, earlier=as_before(json.loads(json.dumps(begun.facts))))
    assert again.facts == begun.facts
    assert files(again) == files(begun)


def test_golden_rows_come_from_the_test_cohort_from_low_to_high(model: Fitted) -> None:
    scores = model.scorer.probability(model.golden)
    assert (np.diff(scores) >= 0).all()
    assert scores[-1] > scores[0]
    assert after(model.golden, Bound.from_json(model.facts["calibrated_until"])).all()


def test_few_conversions_give_the_shrunken_logistic_regression_and_say_so(studies: Studies) -> None:
    model = fitted(studies, past(240))
    assert [member.name for member in model.scorer.members] == ["logistic"]
    assert model.facts["note"] == FEW_CONVERSIONS
    assert model.facts["parameters"]["logistic"]["strength"] >= 30
    assert model.scorer == model.floor


def test_pure_noise_is_left_to_the_floor_and_claims_nothing(studies: Studies) -> None:
    model = fitted(studies, past(1_200, signal=0.0))
    assert model.tested.overall.log_loss > model.tested.overall.base_log_loss - 0.01
    first = model.tested.by_day[1].auc  # later landmarks lack the trials that converted by then
    assert first is not None
    assert first.low < 0.5 < first.high


def test_too_little_past_is_a_sentence_before_it_is_an_error(studies: Studies) -> None:
    young = past(30)
    assert (
        shortage(young, recipe=RECIPE) == "30 trials have matured; at least 40 are needed to learn, calibrate and judge"
    )
    assert shortage(young, recipe=RECIPE, noun="entities").startswith("30 entities have matured")
    assert "0 converted" in shortage(past(100).assign(converted=False), recipe=RECIPE)
    assert shortage(past(240), recipe=RECIPE) == ""
    with pytest.raises(TrainingError, match="nothing was trained: 30 trials have matured"):
        fitted(studies, young)

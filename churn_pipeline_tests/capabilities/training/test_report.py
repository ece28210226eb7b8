from __future__ import annotations

from dataclasses import replace

import pytest

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.capabilities.training.report import PICTURES, describe
from churn_pipeline.capabilities.training.train import Trained
from churn_pipeline_tests.shops import SECOND, Shop

pytestmark = pytest.mark.flow


def test_a_challenger_shows_how_good_it_is_what_it_is_made_of_and_where_it_is_kept(shop: Shop) -> None:
    shown = describe(shop.trained[SECOND], shop.models, shop.settings)
    facts = shop.models.load("2").facts
    assert (shown["model version"], shown["because"]) == ("2", shop.trained[SECOND].because)
    assert shown["log loss"] == pytest.approx(facts["test"]["overall"]["log_loss"], abs=1e-4)
    assert shown["made of"] == f"{facts['weights']['logistic']:.2f} logistic"
    assert shown["AUC"].startswith(f"{facts['test']['overall']['auc']['mid']:.3f} (")
    assert all("data:image/png" in shown[name].value for name in PICTURES.values() if name != PICTURES["tuning.png"])
    for page in ("model in MLflow", "training run in MLflow"):
        assert shown[page].url.startswith(shop.settings.mlflow_address)


def test_trial_days_come_in_the_order_of_days(shop: Shop) -> None:
    shown = describe(shop.trained[SECOND], shop.models, shop.settings)["by trial day"].value
    days = [int(line.split("|")[1]) for line in shown.splitlines()[2:]]
    assert days == sorted(days)
    assert set(days) <= set(shop.settings.landmarks)


def test_without_a_challenger_the_reason_is_all_there_is(shop: Shop) -> None:
    assert list(describe(Trained(None, "too few trials"), shop.models, shop.settings).values()) == ["too few trials"]


def test_a_search_is_shown_with_its_trials_its_start_and_why_it_stopped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = shop.models.load("2")
    told = {
        "lightgbm": {"trials": 12, "pruned": 4, "warm_start": None, "stopped": ""},
        "xgboost": {"trials": 5, "pruned": 1, "warm_start": {"max_depth": 3}, "stopped": "stopped after 5 of 12"},
    }
    tuned = replace(kept, manifest={**kept.manifest, "facts": {**kept.facts, "tuning": told}})
    monkeypatch.setattr(ModelStore, "load", lambda *_: tuned)
    lines = describe(shop.trained[SECOND], shop.models, shop.settings)["tuning"].value.splitlines()
    assert lines[2:] == [
        "| lightgbm | 12 | 4 | no champion's parameters |  |",
        "| xgboost | 5 | 1 | the champion's: max_depth 3 | stopped after 5 of 12 |",
    ]

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training import reproduce as reproducing
from churn_pipeline.capabilities.training.fitting import Fitted, fit
from churn_pipeline.capabilities.training.reproduce import Reproduced, reproduce
from churn_pipeline.capabilities.training.train import train
from churn_pipeline.settings import Settings
from churn_pipeline_tests.shops import FIRST, SECOND, Shop, elsewhere, look

pytestmark = pytest.mark.flow


def silent(_: str) -> None: ...


def again(shop: Shop, version: str) -> Reproduced:
    return reproduce(shop.lake, shop.models, version=version, settings=shop.settings, progress=silent)


def test_a_model_of_a_past_day_comes_out_the_same_byte_for_byte(shop: Shop) -> None:
    found = again(shop, "1")
    assert found == Reproduced("1", True, (), found.files, found.because)
    assert found.files >= 3
    assert str(found) == f"model 1: trained again, all {found.files} files are the same, byte for byte"


def test_so_does_one_that_was_tuned_from_a_champion_until_time_was_up(shop: Shop, settings: Settings) -> None:
    tuned = settings.model_copy(update={"few_conversions": 10, "tuning_trials": 2, "reports": False})
    models, studies = ModelStore.of(tuned), Studies.of(tuned)

    def trained(day: datetime, chosen: Settings) -> str:
        version = train(shop.lake, models, studies, as_of=day, settings=chosen, progress=silent).version
        assert version is not None
        return version.version

    models.set_role("champion", trained(FIRST, tuned))
    rushed = tuned.model_copy(update={"tuning_trials": 40, "tuning_seconds": 0.5, "reports": True})
    version = trained(SECOND, rushed)
    said: list[str] = []
    found = reproduce(shop.lake, models, version=version, settings=tuned, progress=said.append)
    assert found.same, found.differing
    told = models.load(version).facts["tuning"]["xgboost"]
    assert told["trials"] < 40
    assert any(told["stopped"] in words and "the budget of 0.5 s was spent" in words for words in said)
    assert "tuning.png" in models.pictures(version)


def test_a_model_of_other_code_is_not_held_against_this_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproducing, "code_version", lambda: "0.0.0+another")
    found = again(shop, "2")
    assert not found.same
    assert "this is 0.0.0+another" in str(found)
    assert "check out the release" in str(found)


def test_where_the_training_set_of_the_day_is_another_one_it_is_said(shop: Shop, tmp_path: Path) -> None:
    lake = elsewhere(shop, tmp_path)
    (lake.root).mkdir(parents=True)
    (lake.root / "raw").symlink_to(shop.lake.root / "raw")
    fewer = replace(shop, lake=lake, settings=shop.settings.model_copy(update={"training_rows": 1_500}))
    look(fewer, FIRST)
    found = again(fewer, "1")
    assert not found.same
    assert "is not the one it learnt from" in str(found)


def test_what_came_out_otherwise_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(*given: Any, **other: Any) -> Fitted:
        made = fit(*given, **other)
        return replace(made, scorer=replace(made.scorer, intercept=made.scorer.intercept + 0.5))

    monkeypatch.setattr(reproducing, "fit", shifted)
    found = again(shop, "2")
    assert not found.same
    assert found.differing == ("golden.json", "scorer.json")
    assert "golden.json, scorer.json came out otherwise" in str(found)


def test_a_version_that_is_not_there_is_an_error(shop: Shop) -> None:
    with pytest.raises(ModelStoreError):
        again(shop, "99")

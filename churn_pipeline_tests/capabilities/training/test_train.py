from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.capabilities.training import train as training
from churn_pipeline.capabilities.training.train import Trained, code_version, train, write_challenger
from churn_pipeline.capabilities.training.tuning import Earlier
from churn_pipeline_tests.batches import empty_lake
from churn_pipeline_tests.shops import FIRST, SECOND, Shop, elsewhere, look

pytestmark = pytest.mark.flow


def silent(_: str) -> None: ...


def test_a_challenger_is_registered_with_all_that_it_stands_on(shop: Shop) -> None:
    trained = shop.trained[SECOND]
    assert trained.version is not None
    assert trained.version.version == "2"
    facts = shop.models.load("2").facts
    assert facts["trained_as_of"] == SECOND.isoformat()
    assert facts["code"] == code_version() == trained.version.tags["code"]
    assert facts["chosen"] == "logistic"
    labelled = set(shop.lake.read("training_set", SECOND)["trial_id"].to_pylist())
    assert sum(cohort["trials"] for cohort in facts["cohorts"].values()) == len(labelled)
    assert set(shop.models.pictures("2")) >= {"roc.png", "calibration.png"}
    tested = facts["cohorts"]["test"]["trials"]
    assert trained.because.startswith(f"learnt from {len(labelled) - tested:,} trials")
    assert trained.because.endswith(f"tested on {tested:,} newer ones")


def test_from_the_same_rows_recipe_and_code_nothing_is_trained_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    again = train(shop.lake, shop.models, shop.studies, as_of=SECOND, settings=shop.settings, progress=silent)
    assert again.version == shop.models.version("2")
    assert "trained before" in again.because


def test_other_code_another_seed_or_other_rows_are_another_model(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class AskedError(Exception): ...

    def asked(*_: object, **__: object) -> None:
        raise AskedError

    monkeypatch.setattr(training, "fit", asked)
    other = shop.settings.model_copy(update={"seed": 1})
    with pytest.raises(AskedError):
        train(shop.lake, shop.models, shop.studies, as_of=SECOND, settings=other, progress=silent)
    monkeypatch.setattr(training, "code_version", lambda: "another")
    with pytest.raises(AskedError):
        train(shop.lake, shop.models, shop.studies, as_of=SECOND, settings=shop.settings, progress=silent)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_search_is_told_of_the_champion_unless_its_files_are_damaged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    class ToldError(Exception): ...

    def told(*_: object, earlier: object, **__: object) -> None:
        raise ToldError(earlier)

    def load(*_: object) -> None:
        raise BundleError("scorer.json was changed")

    said: list[str] = []
    other = shop.settings.model_copy(update={"seed": 1})
    monkeypatch.setattr(training, "fit", told)
    monkeypatch.setattr(ModelStore, "champion", lambda models: models.version("1"))
    if damaged:
        monkeypatch.setattr(ModelStore, "load", load)
    with pytest.raises(ToldError) as found:
        train(shop.lake, shop.models, shop.studies, as_of=SECOND, settings=other, progress=said.append)
    strength = {} if damaged else shop.models.load("1").facts["parameters"]["logistic"]
    assert found.value.args == (({} if damaged else {"logistic": Earlier(strength)}),)
    assert any("scorer.json was changed" in words for words in said) == damaged


def test_a_young_business_gets_no_model_and_a_sentence_that_says_why(shop: Shop, tmp_path: Path) -> None:
    young = shop.world.trials.slice(0, 30)
    lake = empty_lake(tmp_path)
    from churn_pipeline.contracts.raw import TRIALS

    with lake.engine.connection() as connection:
        connection.register("_young", young)
        lake.land(connection, TRIALS, "_young")
    look(Shop(shop.settings, shop.world, lake, shop.models, shop.studies, {}), SECOND)
    trained = train(lake, shop.models, shop.studies, as_of=SECOND, settings=shop.settings, progress=silent)
    assert trained.version is None
    assert trained.because == "30 trials have matured; at least 40 are needed to learn, calibrate and judge"
    write_challenger(lake, SECOND, trained)
    assert lake.read("challenger", SECOND).to_pylist() == [
        {"as_of": SECOND, "model_version": None, "because": trained.because}
    ]


def test_the_challenger_of_each_day_is_noted(shop: Shop, tmp_path: Path) -> None:
    noted = [shop.lake.read("challenger", day).to_pylist()[0]["model_version"] for day in (FIRST, SECOND)]
    assert noted == ["1", "2"]
    lake = elsewhere(shop, tmp_path)
    write_challenger(lake, FIRST, Trained(None, "it's too early"))
    assert lake.read("challenger", FIRST)["because"].to_pylist() == ["it's too early"]


def test_the_code_version_names_the_release_and_changes_with_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version()
    assert before == code_version()
    monkeypatch.setattr(training, "features_version", lambda: "other")
    assert code_version() != before
    assert code_version().split("+")[0] == before.split("+")[0]

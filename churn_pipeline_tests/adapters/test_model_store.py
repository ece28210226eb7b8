from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.model_store import LONGEST_DESCRIPTION, Logged, ModelStore, ModelStoreError, ModelVersion
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.settings import Settings
from churn_pipeline_tests.scorers import fitted, trials


@pytest.fixture(scope="module")
def url(database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), postgres_url=database_of_module)
    return database_url(settings, schema="mlflow", driver="postgresql+psycopg2")


@pytest.fixture
def models(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> ModelStore:
    """The models of a business of its own, in one database (MLflow takes seconds to make its tables)."""
    return ModelStore(url, tmp_path / "mlflow", request.node.name[:60])


def model(fingerprint: str = "f1", **changed: Any) -> Logged:
    given = Logged(
        fingerprint=fingerprint,
        scorer=fitted(),
        floor=fitted("platt"),
        golden=trials(20, seed=5)[0],
        facts={
            "fingerprint": fingerprint,
            "trained_as_of": "2024-01-01T00:00:00+00:00",
            "calibrated_until": ["2024-01-01T00:00:00+00:00", "t1"],
        },
        parameters={"xgboost/max_depth": 4, "chosen": "blend"},
        metrics={"auc": 0.75, "day_07/auc": 0.7},
        pictures={"roc.png": b"\x89PNG"},
        tags={"code": "abc"},
    )
    return replace(given, **changed)


def runs(models: ModelStore) -> list[Any]:
    client = models._client()
    return list(client.search_runs([models._experiment(client)]))


def test_a_logged_model_comes_back_verified_with_its_facts_floor_and_pictures(models: ModelStore) -> None:
    logged = models.log(model())
    assert (logged.version, logged.fingerprint, logged.tags["code"]) == ("1", "f1", "abc")
    loaded = models.load("1")
    frame = trials(50, seed=9)[0]
    assert (loaded.scorer.probability(frame) == fitted().probability(frame)).all()
    assert loaded.facts["fingerprint"] == "f1"
    assert models.load_floor("1").scorer.calibrator == fitted("platt").calibrator
    assert models.pictures("1") == {"roc.png": b"\x89PNG"}


def test_the_run_holds_parameters_metrics_and_tags(models: ModelStore) -> None:
    models.log(model())
    (run,) = runs(models)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"xgboost/max_depth": "4", "chosen": "blend"}
    assert run.data.metrics == {"auc": 0.75, "day_07/auc": 0.7}
    assert run.data.tags["code"] == "abc"


def test_the_same_model_is_registered_once(models: ModelStore) -> None:
    first, again, other = models.log(model()), models.log(model()), models.log(model("f2"))
    assert again == first
    assert [version.version for version in models.versions()] == ["1", "2"]
    assert len(runs(models)) == 2
    found = models.find("f2")
    assert found is not None
    assert found.version == other.version
    assert models.find("f3") is None


def test_a_role_has_one_holder_and_moves(models: ModelStore) -> None:
    assert models.champion() is None
    models.log(model())
    models.log(model("f2"))
    models.set_role("champion", "1")
    models.set_role("challenger", "2")
    models.set_role("champion", "2")
    champion = models.champion()
    assert champion is not None
    assert (champion.version, champion.roles) == ("2", ("challenger", "champion"))
    assert models.version("1").roles == ()


def test_an_unknown_version_is_named_with_those_there_are(models: ModelStore) -> None:
    with pytest.raises(ModelStoreError, match=r"has no version 7\.\n  allowed: none is registered yet"):
        models.load("7")
    models.log(model())
    with pytest.raises(ModelStoreError, match=r"has no version 7\.\n  allowed: 1\n  do: churn model list$"):
        models.set_role("champion", "7")


def test_a_changed_byte_is_refused_by_name(models: ModelStore) -> None:
    models.log(model())
    (changed,) = models.folder.rglob("bundle/lightgbm.txt")
    changed.write_bytes(changed.read_bytes().replace(b"leaf_value=", b"leaf_value=1", 1))
    with pytest.raises(BundleError, match=r"lightgbm\.txt was changed"):
        models.load("1")


def test_another_model_in_the_place_of_the_registered_one_is_refused_by_name(models: ModelStore) -> None:
    """Whole in itself, so that no checksum tells."""
    for fingerprint in ("f1", "f2"):
        models.log(model(fingerprint))
    places = {models.load(version).facts["fingerprint"]: models._artifact(version, "bundle") for version in ("1", "2")}
    shutil.rmtree(places["f1"])
    shutil.copytree(places["f2"], places["f1"])
    with pytest.raises(
        BundleError, match=r"bundle is whole, but holds another model \(fingerprint f2, registered as f1\)"
    ):
        models.load("1")
    assert models.find("f1") is None


def test_a_run_killed_before_its_end_is_marked_and_the_model_logged_anew(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("churn_pipeline.adapters.model_store._lay_out", killed)
        with pytest.raises(Killed):
            models.log(model())
    assert models.versions() == ()
    models.log(model())
    assert sorted(run.info.status for run in runs(models)) == ["FINISHED", "KILLED"]
    assert models.load("1").facts["fingerprint"] == "f1"


def test_a_run_killed_after_its_end_is_registered_as_it_is(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ModelStore, "_register", killed)
        with pytest.raises(Killed):
            models.log(model())
    (run,) = runs(models)
    assert models.log(model()).run_id == run.info.run_id
    assert len(runs(models)) == 1


class Killed(BaseException):
    pass


def killed(*_: object) -> None:
    raise Killed


def test_a_damaged_version_is_not_found_and_the_same_model_is_registered_again(models: ModelStore) -> None:
    models.log(model())
    shutil.rmtree(next(models.folder.rglob("bundle")))
    said = models.damage("1")
    assert said is not None
    assert "version 1: bundle is gone" in said
    assert models.find("f1") is None
    again = models.log(model())
    assert again.version == "2"
    assert models.damage("2") is None
    assert models.find("f1") == again


def test_a_version_that_the_registry_does_not_have_any_more_is_damaged(models: ModelStore) -> None:
    said = models.damage("7")
    assert said is not None
    assert "has no version 7 any more" in said


@pytest.mark.parametrize("part", ["bundle", "floor"])
def test_files_that_cannot_be_read_now_prove_nothing_and_no_second_model_is_made(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    models.log(model())
    read = Path.read_bytes

    def hiccup(path: Path) -> bytes:
        if path.parent.name == part:
            raise OSError(5, "Input/output error")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", hiccup)
        for ask in (lambda: models.damage("1"), lambda: models.find("f1"), lambda: models.log(model())):
            with pytest.raises(ModelStoreError, match=rf"/{part} cannot be read now: .*Input/output error"):
                ask()
    assert models.damage("1") is None
    assert [version.version for version in models.versions()] == ["1"]


def test_other_storage_that_does_not_answer_proves_nothing(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    models.log(model())
    version = models.version

    def elsewhere(store: ModelStore, name: str) -> ModelVersion:
        return replace(version(name), source="mlflow-artifacts://nowhere.invalid/bundle")

    def silent(**_: object) -> str:
        raise MlflowException("connection refused")

    monkeypatch.setattr(ModelStore, "version", elsewhere)
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", silent)
    with pytest.raises(ModelStoreError, match=r"nowhere\.invalid/bundle cannot be read now: connection refused"):
        models.damage("1")


def test_a_version_is_described_and_a_section_of_it_is_replaced_as_often_as_it_is_written(models: ModelStore) -> None:
    models.log(model(description="Trained as of May."))
    for words in ("not yet", "promoted", "promoted"):
        models.annotate("1", "Gate", words)
    assert models.version("1").description == "Trained as of May.\n\n## Gate\n\npromoted"
    models._client().update_model_version(
        models.name, "1", description="Mine.\n\n## Gate\n\npromoted\n\n## Notes\n\nfrom sales"
    )
    models.annotate("1", "Gate", "rolled back")
    mine = "Mine.\n\n## Gate\n\nrolled back\n\n## Notes\n\nfrom sales"
    assert models.version("1").description == mine
    with pytest.raises(ModelStoreError, match="has no version 7"):
        models.annotate("7", "Gate", "promoted")


def test_a_description_that_is_too_long_for_the_registry_is_cut_and_keeps_what_stood_there(models: ModelStore) -> None:
    models.log(model(description="Trained as of May."))
    models.annotate("1", "Gate", "x" * 9_000)
    told = models.version("1").description
    assert len(told) <= LONGEST_DESCRIPTION
    assert told.startswith("Trained as of May.\n\n## Gate\n\nxxx")
    assert told.endswith("x…")
    models.annotate("1", "Gate", "y" * 9_000)
    assert len(models.version("1").description) == len(told)
    models.log(model("f2", description="z" * 9_000))
    assert models.version("2").description == "z" * (LONGEST_DESCRIPTION - 1) + "…"

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version

import psycopg2
import pytest

from churn_pipeline.adapters import registry
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.postgres import connect, database_url
from churn_pipeline.adapters.registry import RegistryError, read_versions
from churn_pipeline.capabilities.scoring.production import in_production
from churn_pipeline.core.ledger import Scoring
from churn_pipeline.core.rules import RulesScorer
from churn_pipeline.settings import Settings

pytestmark = pytest.mark.flow


@pytest.fixture
def models(settings: Settings) -> ModelStore:
    return ModelStore.of(settings)


def test_before_mlflow_has_tables_there_is_no_version(settings: Settings) -> None:
    assert read_versions(database_url(settings, schema="mlflow"), "churn_demo") == []


def test_versions_are_those_that_mlflow_tells(models: ModelStore) -> None:
    client = models._client()
    client.create_registered_model("m")
    client.create_registered_model("another")
    for name, source in (("m", "file:///a/bundle"), ("another", "file:///b"), ("m", "file:///c/bundle"), ("m", "x")):
        client.create_model_version(name, source, None, tags={"fingerprint": source}, description="words")
    client.set_registered_model_alias("m", "champion", "2")
    client.set_registered_model_alias("m", "challenger", "2")
    client.set_registered_model_alias("another", "canary", "1")
    client.delete_model_version("m", "1")
    found = read_versions(models.url, "m")
    told = sorted(client.search_model_versions("name='m'"), key=lambda one: int(one.version))
    assert [(f["version"], f["source"], f["creation_time"], f["description"], f["tags"]) for f in found] == [
        (int(t.version), t.source, t.creation_timestamp, t.description, t.tags) for t in told
    ]
    assert [f["aliases"] for f in found] == [["challenger", "champion"], []]


def test_they_are_told_without_mlflow(models: ModelStore) -> None:
    models.prepare()
    asked = f"import sys; from churn_pipeline.adapters.registry import read_versions; read_versions({models.url!r}, 'm'); sys.exit('mlflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", asked], check=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("alter table model_versions rename column run_id to run", "column v.run_id does not exist"),
        ("alter table model_versions rename to versions", 'relation "model_versions" does not exist'),
        ("alter table model_version_tags rename to tags_of_versions", 'relation "model_version_tags" does not exist'),
        (
            "alter table model_version_tags drop constraint fk_model_version_tags_model_versions, alter column version type varchar",
            "operator does not exist",
        ),
    ],
)
def test_tables_that_mlflow_lays_out_otherwise_are_an_error_that_names_it_and_no_damaged_model(
    models: ModelStore, change: str, named: str
) -> None:
    models.prepare()
    with closing(connect(models.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(change)
    for ask in (models.versions, lambda: in_production(Scoring("1"), models, rules=lambda: RulesScorer(0.3))):
        with pytest.raises(RegistryError, match=rf"(?s)MLflow {version('mlflow')} is installed.*{named}.*make setup"):
            ask()


def test_a_server_that_is_gone_does_not_answer_which_proves_nothing(models: ModelStore) -> None:
    gone = replace(models, url="postgresql+psycopg2://me:hidden@127.0.0.1:1/shop")
    with pytest.raises(ModelStoreError, match="the registry of churn_demo does not answer: ") as caught:
        gone.versions()
    assert "hidden" not in str(caught.value)


def test_a_server_that_goes_away_while_it_is_asked_does_not_answer(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "VERSIONS", "select pg_terminate_backend(pg_backend_pid()), %s")
    with pytest.raises(ModelStoreError, match="does not answer: ") as caught:
        models.versions()
    assert isinstance(caught.value.__cause__, psycopg2.OperationalError)

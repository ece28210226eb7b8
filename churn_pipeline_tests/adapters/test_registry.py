from __future__ import annotations

import subprocess
import sys

import pytest

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.registry import read_versions
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

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.sources import SourceError
from churn_pipeline.adapters.sources.mapping import load_mapping
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.feature_table import write_mapping
from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.settings import Settings, SettingsError
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.tables import customers

pytestmark = pytest.mark.usefixtures("own_data_dir")


@pytest.mark.flow
def test_other_options_are_taken_as_long_as_nothing_has_come_of_the_former(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_POSTGRES_URL", database)
    said = customers(tmp_path)
    other = replace(said, positive="yes", drop="plan")
    settings = Settings(mapping=write_mapping(said, source=None))
    assert settings.mapping is not None
    staged = settings.home / "lake" / "staged_feature_table"
    assert Settings(mapping=write_mapping(other, source=None)).of_feature_table
    staged.mkdir(parents=True)
    with pytest.raises(SettingsError, match="no database here tells what came of it"):
        write_mapping(said, source=None)
    assert staged.exists(), "its models may be on another server"
    warehouse = Warehouse.of(settings)
    warehouse.create()
    written = settings.mapping.stat()
    with warehouse.lock(WRITERS):
        assert write_mapping(other, source=None).stat() == written, (
            "the same options leave the file alone, and wait for nobody"
        )
        with pytest.raises(Busy):
            write_mapping(said, source=None)
    assert write_mapping(said, source=None) == settings.mapping
    assert not staged.exists()
    staged.mkdir(parents=True)
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "c00001"}))
    with pytest.raises(SettingsError, match=r"was run with positive no \(now yes\): its models and scores"):
        write_mapping(other, source=None)
    with pytest.raises(SourceError, match=r"id: no column customer_ids; did you mean customer_id\?"):
        write_mapping(replace(said, id="customer_ids"), source=None)
    spec = load_mapping(write_mapping(replace(said, drop="plan"), source=None)).feature_table
    assert spec is not None
    assert spec.drop == ("plan",), "what a model may use is no matter of what its scores mean"
    assert staged.exists()

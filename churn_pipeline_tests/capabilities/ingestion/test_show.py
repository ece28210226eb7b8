from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import open_source
from churn_pipeline.adapters.sources.mapping import TableSpec
from churn_pipeline.capabilities.ingestion.feature_table import stage_feature_table
from churn_pipeline.capabilities.ingestion.show import describe_looked
from churn_pipeline.settings import Settings
from churn_pipeline_tests.tables import SAID, team_table

DAY = datetime(2024, 3, 10, tzinfo=UTC)


def test_the_ui_shows_every_column_with_what_it_is_for_and_why(tmp_path: Path) -> None:
    team_table(120, unlabelled=20).to_csv(tmp_path / "table.csv", index=False)
    lake = Lake.of(Settings(data_dir=tmp_path / "data"))
    spec = TableSpec.model_validate({"from": "table.csv"} | SAID)
    shown = describe_looked(*stage_feature_table(lake, open_source(tmp_path), spec, as_of=DAY, read_at=DAY))
    assert (shown["rows"], shown["rows to score"], shown["files"]) == (120, 20, "table.csv")
    columns = shown["columns"].value
    assert "| account_uuid | category | left out | it looks like an id" in columns
    assert "| customer_id | category | id |  |  |" in columns
    assert columns.count("\n") == 1 + 9
    assert "| yes |" in shown["labels"].value

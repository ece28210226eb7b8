from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_pipeline.adapters.feature_table import columns_rows, read_columns, require_columns
from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.contracts.feature_table import FeatureTable, TableColumn, Use
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS
from churn_pipeline.settings import Settings

DAY = datetime(2024, 3, 10, tzinfo=UTC)
TABLE = FeatureTable(
    (
        TableColumn("it's", "category", Use.ID),
        TableColumn("churned", "category", Use.LABEL),
        TableColumn("visits", "number", Use.FEATURE),
        TableColumn("uuid", "category", Use.LEFT_OUT, "it looks like an id"),
    ),
    "no'",
)


def test_what_a_table_was_found_to_be_is_read_as_it_was_written(tmp_path: Path) -> None:
    lake = Lake.of(Settings(data_dir=tmp_path))
    assert read_columns(lake, DAY) is None
    with pytest.raises(LakeError, match="2024-03-10"):
        require_columns(lake, DAY)
    with lake.engine.connection() as connection:
        lake.write(connection, FEATURE_TABLE_COLUMNS.name, DAY, columns_rows(TABLE))
    assert read_columns(lake, DAY) == require_columns(lake, DAY) == TABLE
    assert tuple(lake.read(FEATURE_TABLE_COLUMNS.name, DAY).column_names) == FEATURE_TABLE_COLUMNS.names

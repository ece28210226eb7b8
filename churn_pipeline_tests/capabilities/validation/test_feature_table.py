from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import open_source
from churn_pipeline.adapters.sources.mapping import TableSpec
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.feature_table import stage_feature_table
from churn_pipeline.capabilities.validation.acceptance import Accepted, accept
from churn_pipeline.capabilities.validation.feature_table import close_issues
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import AS_OF, READ_AT
from churn_pipeline_tests.tables import SAID, team_table

pytestmark = pytest.mark.flow


def taken_in(folder: Path, settings: Settings, day: datetime, bad: int) -> Accepted:
    """Read a table in which so many rows have a number that is none."""
    frame = team_table(400, unlabelled=50).astype(object)
    frame.loc[range(bad), "visits"] = "many"
    frame.to_csv(folder / "table.csv", index=False)
    lake, spec = Lake.of(settings), TableSpec.model_validate({"from": "table.csv"} | SAID)
    looked, _ = stage_feature_table(lake, open_source(folder), spec, as_of=day, read_at=READ_AT)
    return accept(lake, looked.table.contract, as_of=day, read_at=READ_AT, run_id="r", history=False)


def test_good_rows_are_those_of_the_day_and_an_issue_is_open_as_long_as_the_table_has_it(
    tmp_path: Path, settings: Settings, warehouse: Warehouse
) -> None:
    first = taken_in(tmp_path, settings, AS_OF, bad=3)
    assert (first.read, first.kept, first.quarantined, first.duplicate) == (400, 397, 3, 0)
    lake = Lake.of(settings)
    assert lake.read("feature_table", AS_OF).num_rows == 397
    warehouse.append(DATA_QUALITY_ISSUES, first.issues)
    assert close_issues(warehouse, first, resolved_at=READ_AT, run_id="r") == 0
    second = taken_in(tmp_path, settings, AS_OF + timedelta(days=1), bad=1)
    assert close_issues(warehouse, second, resolved_at=READ_AT, run_id="r") == 2
    closed = warehouse.read("select became, resolved_by from data_quality_resolutions order by 1").to_pylist()
    assert closed == [{"became": f"c0000{n}", "resolved_by": "source"} for n in (1, 2)]
    assert close_issues(warehouse, second, resolved_at=READ_AT, run_id="r") == 0
    assert lake.read("feature_table", AS_OF).num_rows == 397, "an earlier day stays as it was"

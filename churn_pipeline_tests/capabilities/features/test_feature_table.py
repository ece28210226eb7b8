from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.feature_table import columns_rows
from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.capabilities.features.feature_table import (
    write_table_labels,
    write_table_snapshots,
    write_table_training_set,
)
from churn_pipeline.contracts.feature_table import NAME, FeatureTable, TableColumn, Use
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS, LABELS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.settings import Settings

DAY = datetime(2024, 3, 10, tzinfo=UTC)
TABLE = FeatureTable(
    (
        TableColumn("id", "category", Use.ID),
        TableColumn("churned", "category", Use.LABEL),
        TableColumn("visits", "number", Use.FEATURE),
    ),
    "no",
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.of(Settings(data_dir=tmp_path))


def put(lake: Lake, day: datetime, labels: list[str | None]) -> None:
    """A table of entities e0, e1, ... with these labels, as good rows of a day."""
    rows = ", ".join(f"('e{n}', {quoted(one) if one else 'null'}, {n}.0)" for n, one in enumerate(labels))
    with lake.engine.connection() as connection:
        lake.write(connection, FEATURE_TABLE_COLUMNS.name, day, columns_rows(TABLE))
        lake.write(connection, NAME, day, f"select * from (values {rows}) as t(id, churned, visits)")


def test_history_is_trained_on_and_the_rest_is_scored(lake: Lake) -> None:
    put(lake, DAY, ["no", "yes", None, "maybe"])
    assert write_table_labels(lake, DAY) == 3
    drawn = write_table_training_set(lake, DAY, 100)
    assert (drawn.rows, drawn.of) == (3, 3)
    scored = write_table_snapshots(lake, DAY, segment=None, test_share=0.5)
    assert (scored.rows, scored.who) == (1, "the rows without a churned")
    trained = lake.read(TRAINING_SET.name, DAY, select='trial_id, converted, "table.visits" as visits').to_pylist()
    assert sorted((row["trial_id"], row["converted"], row["visits"]) for row in trained) == [
        ("e0", True, 0.0),
        ("e1", False, 1.0),
        ("e3", False, 3.0),
    ]
    assert lake.read(SNAPSHOTS.name, DAY)["trial_id"].to_pylist() == ["e2"]


def test_where_every_row_has_a_label_the_tested_share_is_scored_and_the_run_says_so(lake: Lake) -> None:
    put(lake, DAY, ["no", "yes"] * 10)
    scored = write_table_snapshots(lake, DAY, segment="visits", test_share=0.2)
    assert scored.rows == 4
    assert scored.who.startswith("every row has its churned: scored is the 20%")
    assert len(set(lake.read(SNAPSHOTS.name, DAY)["sector"].to_pylist())) == 4


def test_a_label_is_known_from_the_first_day_on_that_has_it(lake: Lake) -> None:
    later = DAY + timedelta(days=5)
    put(lake, DAY, ["no", "yes", None])
    write_table_labels(lake, DAY)
    put(lake, later, ["no", "no", "yes"])
    write_table_labels(lake, later)
    known = {row["trial_id"]: row["matured_at"] for row in lake.read(LABELS.name, later).to_pylist()}
    assert known == {"e0": DAY, "e1": later, "e2": later}


def test_beyond_the_most_rows_whole_entities_are_drawn(lake: Lake) -> None:
    put(lake, DAY, ["no", "yes"] * 500)
    drawn = write_table_training_set(lake, DAY, 200)
    assert drawn.of == 1_000
    assert 150 < drawn.rows < 250


def test_a_day_for_which_no_table_was_read_says_so(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no feature table has been read for 2024-03-10"):
        write_table_snapshots(lake, DAY, segment=None, test_share=0.2)

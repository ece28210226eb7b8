from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from churn_pipeline.adapters.sources import SourceError
from churn_pipeline.capabilities.ingestion.replay import open_batch, stage_batch, write_batch
from churn_pipeline.contracts.raw import EVENTS, TRIALS
from churn_pipeline_tests.batches import AS_OF, READ_AT, clean_source, empty_lake, event, take_in, trial

pytestmark = pytest.mark.flow


def repaired(*rows: tuple[str, dict[str, object], str | None]) -> pa.Table:
    """Rows of a replay: table, row (its values as texts, as in a CSV file), issue."""
    return pa.table(
        {
            "table_name": [table for table, _, _ in rows],
            "row": [json.dumps({c: str(v) for c, v in row.items()}, separators=(",", ":")) for _, row, _ in rows],
            "issue_id": pa.array([issue for _, _, issue in rows], pa.string()),
        }
    )


def test_the_same_rows_are_the_same_batch_and_other_rows_another(tmp_path: Path) -> None:
    rows = repaired(("events", event(1), "i1"), ("trials", trial(1), None))
    assert write_batch(tmp_path, rows) == write_batch(tmp_path, rows)
    assert write_batch(tmp_path, rows.slice(0, 1)) != write_batch(tmp_path, rows)


def test_a_row_that_was_written_over_several_lines_is_one_row(tmp_path: Path) -> None:
    rows = repaired(("trials", trial(1), "i1"))
    spread = rows.set_column(1, "row", pa.array([json.dumps(trial(1), indent=2)]))
    batch = write_batch(tmp_path, spread)
    assert len((tmp_path / batch / "trials.jsonl").read_text().splitlines()) == 1


def test_repaired_rows_are_judged_against_what_the_lake_knows_and_each_other(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    take_in(lake, clean_source(tmp_path / "source"))
    rows = repaired(
        ("events", event(1, event_id="n1"), "i1"),
        ("events", event(1, event_id="n2", trial_id="t90"), "i2"),
        ("events", event(1, event_id="n3", trial_id="nobody"), "i3"),
        ("trials", trial(90, started_at="2024-05-01"), None),
    )
    batch = write_batch(tmp_path / "replays", rows)
    staged = stage_batch(lake, tmp_path / "replays" / batch, None, as_of=AS_OF, read_at=READ_AT)
    assert [(table.table, table.rows) for table in staged] == [("trials", 1), ("events", 3)]
    found = lake.read("staged_events", AS_OF, select="event_id, _broken", batch=batch).to_pylist()
    broken = {row["event_id"]: row["_broken"] for row in found}
    assert broken == {"n1": None, "n2": None, "n3": ["unknown_trial"]}
    assert lake.read("staged_events", AS_OF).num_rows == 40, "the day's own batch is left alone"
    links = lake.read("repaired_rows", AS_OF, select="table_name, line, issue_id").to_pylist()
    assert {(row["table_name"], row["line"], row["issue_id"]) for row in links} == {
        ("trials", 1, None), ("events", 1, "i1"), ("events", 2, "i2"), ("events", 3, "i3"),
    }  # fmt: skip


def test_rows_go_through_the_mapping_as_it_stands_now(tmp_path: Path) -> None:
    mapping = tmp_path / "acme.yaml"
    mapping.write_text(
        "tables:\n"
        "  trials:\n    from: accounts-*.csv\n    delimiter: ';'\n    where: kind <> 'test'\n    columns:\n"
        "      trial_id: id\n      account_id: id\n      started_at: {column: begin, format: '%d/%m/%Y'}\n      trial_days: {constant: 14}\n"
        "  events:\n    select: select * from clicks\nfiles:\n  clicks:\n    from: clicks.csv\n"
    )
    rows = repaired(
        ("trials", {"id": "a", "begin": "24/05/2024", "kind": "real"}, "i1"),
        ("trials", {"id": "b", "begin": "24/05/2024", "kind": "test"}, "i2"),
        ("events", event(1, trial_id="a", occurred_at="2024-05-25", received_at="2024-05-25"), "i3"),
    )
    batch = write_batch(tmp_path / "replays", rows)
    lake = empty_lake(tmp_path)
    stage_batch(lake, tmp_path / "replays" / batch, mapping, as_of=AS_OF, read_at=READ_AT)
    (kept,) = lake.read(f"staged_{TRIALS.name}", AS_OF, batch=batch).to_pylist()
    assert (kept["trial_id"], kept["trial_days"], kept["_broken"]) == ("a", 14, None)
    (clicked,) = lake.read(f"staged_{EVENTS.name}", AS_OF, batch=batch).to_pylist()
    assert (clicked["event_id"], clicked["_broken"]) == ("e1", None)
    assert clicked["occurred_at"] == datetime(2024, 5, 25, tzinfo=UTC)


def test_a_batch_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such folder"):
        open_batch(tmp_path / "gone", None)

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from churn_pipeline.capabilities.validation.columns import changed_columns
from churn_pipeline.capabilities.validation.expectations import expectations
from churn_pipeline.contracts.raw import EVENTS, TRIALS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import AS_OF, clean_source, empty_lake, event, stage, take_in, write_csv

pytestmark = pytest.mark.flow


def test_columns_that_are_new_or_gone_since_the_batch_before_are_named_and_stop_nothing(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    take_in(lake, source)
    assert changed_columns(lake, EVENTS, AS_OF) == (), "there is no batch before it"
    rows = [{c: v for c, v in event(n).items() if c != "value"} | {"color": "red"} for n in range(50, 60)]
    trials = (source.folder / "trials.csv").read_text()
    write_csv(
        source.folder / "events.csv",
        [row | {"trial_id": "t1", "occurred_at": "2024-05-25", "received_at": ""} for row in rows],
    )
    later = AS_OF + timedelta(days=3)
    accepted = take_in(lake, source, as_of=later)
    assert accepted["events"].new == 10
    assert (source.folder / "trials.csv").read_text() == trials
    assert [str(change) for change in changed_columns(lake, EVENTS, later)] == [
        "events: column color is new since 2024-06-01",
        "events: column value is gone; it was there on 2024-06-01",
    ]
    assert changed_columns(lake, TRIALS, later) == ()
    found = [e for e in expectations(lake, as_of=later, settings=Settings()) if e.kind == "columns"]
    assert [(e.table, e.subject, e.verdict) for e in found] == [
        ("events", "color", "warn"),
        ("events", "value", "warn"),
    ]
    quiet = Settings(expectation_levels={"columns": "off"})
    assert not [e for e in expectations(lake, as_of=later, settings=quiet) if e.kind == "columns"]


def test_a_column_whose_values_read_as_something_else_is_retyped(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(n, seats=n, note="a", rare=n if n < 9 else "") for n in range(40)])
    take_in(lake, source)
    more = [event(n, seats="many" if n == 7 else n, note="b", rare="x" if n < 9 else "") for n in range(40)]
    write_csv(source.folder / "events.csv", more)
    later = AS_OF + timedelta(days=1)
    stage(lake, source, as_of=later)
    assert [str(change) for change in changed_columns(lake, EVENTS, later)] == [
        "events: column seats is retyped: it reads as text, and as number on 2024-06-01"
    ], "of the rare one too few values are there to say"


def test_a_table_without_files_has_no_columns_to_change(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    stage(lake, source)
    (source.folder / "events.csv").unlink()
    later = AS_OF + timedelta(days=1)
    stage(lake, source, as_of=later)
    assert changed_columns(lake, EVENTS, later) == ()

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path

import pytest

from churn_pipeline.adapters.sources import Source
from churn_pipeline.capabilities.validation import batch
from churn_pipeline.capabilities.validation.batch import BatchVerdict, check_batch
from churn_pipeline.capabilities.validation.suite import Outcome, Unmet
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TOUCHES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.batches import AS_OF, clean_source, empty_lake, event, stage, subscription, take_in, write_csv

# Great Expectations takes seconds to import
pytestmark = pytest.mark.flow


def verdict(source: Source, table: Table, folder: Path) -> BatchVerdict:
    lake = empty_lake(folder)
    stage(lake, source, dict.fromkeys((TRIALS, table)))
    return check_batch(lake, table, as_of=AS_OF, max_bad_share=0.2, sample_rows=1_000)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return clean_source(tmp_path / "source")


@pytest.mark.parametrize("table", [TRIALS, EVENTS, SUBSCRIPTIONS])
def test_a_clean_batch_passes(source: Source, table: Table, tmp_path: Path) -> None:
    found = verdict(source, table, tmp_path)
    assert found.passed, found
    assert (found.bad_rows, found.looked_at) == (0, found.rows)
    assert found.expectations > 10


def test_a_missing_column_is_named_with_file_rule_and_what_to_do(source: Source, tmp_path: Path) -> None:
    write_csv(source.folder / "events.csv", [event(1)], ["event_id", "trial_id", "event_name"])
    found = verdict(source, EVENTS, tmp_path)
    (problem,) = found.problems
    assert not found.passed
    assert "events.csv, column occurred_at, rule missing_column" in problem
    assert "do: add it to the export, or map another column" in problem


@pytest.mark.parametrize(
    ("content", "rule"), [(b"", "empty_file"), (b"event_id,trial_id,occurred_at,event_name\n", "empty_batch")]
)
def test_an_empty_file_is_named_with_rule_and_what_to_do(
    source: Source, tmp_path: Path, content: bytes, rule: str
) -> None:
    (source.folder / "events.csv").write_bytes(content)
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert problem.startswith(f"events.csv, rule {rule}")
    assert "do:" in problem


def test_of_a_few_new_rows_of_a_database_any_share_may_be_bad(source: Source, tmp_path: Path) -> None:
    early = {"received_at": "2024-04-01 00:00:00"}
    rows = [
        event(1, event_id="good"),
        *(event(1, event_id=f"e{n}", **early) for n in range(3)),
        event(1, event_name=""),
    ]
    write_csv(source.folder / "events.csv", rows)
    lake = empty_lake(tmp_path)
    stage(lake, source, [TRIALS, EVENTS])
    judged = partial(check_batch, lake, EVENTS, as_of=AS_OF, max_bad_share=0.2, sample_rows=1_000)
    assert not judged().passed
    with lake.engine.connection() as connection:  # as a reading of what is new since a value of its cursor
        files = f"select * replace ('2024-05-01' as since) from ({lake.rows('staged_events_files', AS_OF)})"
        lake.write(connection, "staged_events_files", AS_OF, files)
    found = judged()
    assert found.passed, found
    assert found.bad_rows == 4


def test_a_missing_table_is_refused_only_where_nothing_goes_without_it(source: Source, tmp_path: Path) -> None:
    (source.folder / "events.csv").unlink()
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert problem.startswith("events, rule missing_table")
    assert verdict(source, TOUCHES, tmp_path).passed


def test_a_damaged_file_and_a_doubled_column_are_named(source: Source, tmp_path: Path) -> None:
    zipped = gzip.compress(b"event_id,trial_id\n" * 5_000)
    (source.folder / "events-1.csv.gz").write_bytes(zipped[:-20])
    (source.folder / "events-2.csv").write_bytes(b"event_id,Event_ID\n1,2\n")
    first, second = verdict(source, EVENTS, tmp_path).problems
    assert first.startswith("events-1.csv.gz, rule damaged_file")
    assert "names column event_id more than once" in second


def test_a_batch_that_is_too_bad_names_file_column_rule_share_example_and_what_to_do(
    source: Source, tmp_path: Path
) -> None:
    rows = [event(n, occurred_at="13/45/2026" if n % 10 < 3 else event(n)["occurred_at"]) for n in range(40)]
    write_csv(source.folder / "events.csv", rows)
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert "events.csv, column occurred_at, rule wrong_type_occurred_at: 12 of 40 rows (30.0%)" in problem
    assert "first: events.csv line 2 (13/45/2026)" in problem
    assert "allowed: ISO 8601" in problem
    assert "do: fix the value" in problem


def test_rows_of_unknown_trials_count_as_bad(source: Source, tmp_path: Path) -> None:
    write_csv(source.folder / "events.csv", [event(n + 30) for n in range(20)])
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert "column trial_id, rule unknown_trial: 10 of 20 rows (50.0%)" in problem


def test_one_bad_file_among_good_ones_is_refused(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source", trials=500)
    bad = [event(n, event_id=f"x{n}", value="many" if n % 10 < 3 else 1) for n in range(100)]
    write_csv(source.folder / "events-late.csv", bad)
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert problem.startswith("events-late.csv, column value, rule wrong_type_value: 30 of 100 rows")


def test_a_few_bad_values_in_a_sparse_column_do_not_stop_the_batch(source: Source, tmp_path: Path) -> None:
    rows = [event(n, value={1: "many", 2: "1"}.get(n, "")) for n in range(40)]
    write_csv(source.folder / "events.csv", rows)
    found = verdict(source, EVENTS, tmp_path)
    assert found.passed, found
    assert found.broken == {"wrong_type_value": 1}
    assert str(found) == "events: 40 rows read, 1 to be quarantined"


def test_conflicting_copies_up_to_the_limit_do_not_stop_the_batch(source: Source, tmp_path: Path) -> None:
    rows = [event(n) for n in range(40)] + [event(n, event_name="other") for n in range(9)]
    write_csv(source.folder / "events.csv", rows)
    assert verdict(source, EVENTS, tmp_path).passed


def test_an_expectation_that_only_the_suite_sees_unmet_stops_the_batch(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmet = Unmet("out_of_bounds_mrr", "mrr", "expect_column_values_to_be_between", 0.5)
    monkeypatch.setattr(batch, "run_suite", lambda *_, **__: Outcome(10, 1, (unmet,)))
    write_csv(source.folder / "subscriptions.csv", [subscription(1)])
    found = verdict(source, SUBSCRIPTIONS, tmp_path)
    assert not found.passed
    assert "subscriptions.csv, column mrr, rule out_of_bounds_mrr" in str(found)


def test_outcomes_whose_file_vanishes_from_the_source_stop_the_batch(source: Source, tmp_path: Path) -> None:
    lake, file = empty_lake(tmp_path), source.folder / "subscriptions.csv"
    take_in(lake, source, [TRIALS, SUBSCRIPTIONS])
    file.unlink()
    stage(lake, source, [TRIALS, SUBSCRIPTIONS])
    judged = check_batch(lake, SUBSCRIPTIONS, as_of=AS_OF, max_bad_share=0.2, sample_rows=1_000)
    (problem,) = judged.problems
    assert problem.startswith("subscriptions, rule vanished_table")
    assert "do: bring its file back" in problem


def test_an_export_without_a_new_subscription_is_fine(source: Source, tmp_path: Path) -> None:
    lake, file = empty_lake(tmp_path), source.folder / "subscriptions.csv"
    take_in(lake, source, [TRIALS, SUBSCRIPTIONS])
    write_csv(file, [], subscription(0).keys())
    stage(lake, source, [TRIALS, SUBSCRIPTIONS])
    assert check_batch(lake, SUBSCRIPTIONS, as_of=AS_OF, max_bad_share=0.2, sample_rows=1_000).passed


def test_a_source_that_never_had_outcomes_may_go_on_without(source: Source, tmp_path: Path) -> None:
    (source.folder / "subscriptions.csv").unlink()
    assert verdict(source, SUBSCRIPTIONS, tmp_path).passed


def test_properties_of_an_event_are_not_quoted(source: Source, tmp_path: Path) -> None:
    write_csv(source.folder / "events.csv", [event(n, properties="{secret") for n in range(40)])
    (problem,) = verdict(source, EVENTS, tmp_path).problems
    assert "rule wrong_type_properties" in problem
    assert "secret" not in problem

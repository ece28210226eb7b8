from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import RowLawError, Source, open_source
from churn_pipeline.adapters.sources.mapping import mapped_tables
from churn_pipeline.capabilities.validation.acceptance import accept, because, forget_batches
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, INGESTION_COUNTS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.derive.rules import all_rules
from churn_pipeline.contracts.raw import CONTACTS, EVENTS, RAW_TABLES, SUBSCRIPTIONS, TRIALS
from churn_pipeline_tests.batches import (
    AS_OF,
    READ_AT,
    clean_source,
    empty_lake,
    event,
    stage,
    subscription,
    take_in,
    trial,
    write_csv,
)
from churn_pipeline_tests.mappings import mapping

pytestmark = pytest.mark.flow

# what is planted, in which table, and the reason it has to end with in quarantine
DIRT: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("a trial without an id", "trials", trial(100, trial_id=""), "missing_key"),
    ("a trial without an account", "trials", trial(101, account_id=""), "null_account_id"),
    ("a start that is no moment", "trials", trial(102, started_at="13/45/2026"), "wrong_type_started_at"),
    ("a length that is no number", "trials", trial(103, trial_days="two weeks"), "wrong_type_trial_days"),
    ("a length that is no whole number", "trials", trial(104, trial_days="14.5"), "wrong_type_trial_days"),
    ("a length beyond a year", "trials", trial(105, trial_days=400), "out_of_bounds_trial_days"),
    ("a company without people", "trials", trial(106, company_size=0), "out_of_bounds_company_size"),
    ("a country by its name", "trials", trial(107, country="Germany"), "out_of_bounds_country"),
    ("a trial of tomorrow", "trials", trial(108, started_at="2024-06-09T00:00:00Z"), "in_the_future"),
    ("a second trial of a known id", "trials", trial(3, account_id="somebody else"), "duplicate_key"),
    ("an event without a name", "events", event(1, event_id="d1", event_name=""), "null_event_name"),
    (
        "an event name of 201 characters",
        "events",
        event(1, event_id="d2", event_name="x" * 201),
        "out_of_bounds_event_name",
    ),
    ("an event without a time", "events", event(1, event_id="d3", occurred_at=""), "null_occurred_at"),
    ("a value that is no number", "events", event(1, event_id="d4", value="many"), "wrong_type_value"),
    ("a value that is infinite", "events", event(1, event_id="d5", value="inf"), "wrong_type_value"),
    ("properties that are no JSON", "events", event(1, event_id="d6", properties="{a:"), "wrong_type_properties"),
    ("an event of an unknown trial", "events", event(1, event_id="d7", trial_id="nobody"), "unknown_trial"),
    ("an event of a trial that is itself bad", "events", event(5, event_id="d8", trial_id="t105"), "unknown_trial"),
    ("an event before its trial", "events", event(1, event_id="d9", occurred_at="2024-01-01"), "before_trial"),
    (
        "an event received before it happened",
        "events",
        event(1, event_id="d10", received_at="2024-05-02T09:59:00Z"),
        "occurred_at_after_received_at",
    ),
    (
        "another event under a used id",
        "events",
        event(7, event_name="other", received_at="2024-05-09"),
        "duplicate_key",
    ),
    ("an amount that is no number", "subscriptions", subscription(1, mrr="a lot"), "wrong_type_mrr"),
    ("a negative amount", "subscriptions", subscription(2, mrr="-1"), "out_of_bounds_mrr"),
    ("a currency in small letters", "subscriptions", subscription(3, currency="eur"), "out_of_bounds_currency"),
    (
        "a subscription that ends before it starts",
        "subscriptions",
        subscription(5, cancelled_at="2024-05-24T00:00:00Z"),
        "started_at_after_cancelled_at",
    ),
)
LINES = (
    ("a line with too few fields", "e-short,t1", "unreadable_line"),
    ("a line with too many fields", "e-long,t1,2024-05-02,,login,,1.5,{},more", "unreadable_line"),
    ("a quote that is never closed", 'e-quote,"t1,2024-05-02,,login,,1.5,', "unreadable_line"),
)


@pytest.fixture
def dirty(tmp_path: Path) -> Source:
    """The clean source with every kind of dirt in the middle of its files."""
    source = clean_source(tmp_path / "source")
    for name, make, step in (("trials", trial, 1), ("events", event, 1), ("subscriptions", subscription, 4)):
        good = [make(n) for n in range(0, 40, step)]
        bad = [row for _, table, row, _ in DIRT if table == name]
        write_csv(source.folder / f"{name}.csv", [*good[:5], *bad, *good[5:]])
    events = source.folder / "events.csv"
    lines = events.read_bytes().splitlines(keepends=True)
    unread = [line.encode() + b"\n" for _, line, _ in LINES] + [b"e-bytes,t1,2024-05-02,,\xff\xfe,,1.5,\n"]
    events.write_bytes(b"".join([*lines[:8], *unread, *lines[8:]]))
    return source


def test_every_kind_of_dirt_ends_in_quarantine_with_its_reason(dirty: Source, tmp_path: Path) -> None:
    accepted = take_in(empty_lake(tmp_path), dirty)
    found = [issue for a in accepted.values() for issue in a.issues.to_pylist()]
    for what, table, row, rule in DIRT:
        values = {column: str(value) for column, value in row.items()}
        rules = [i["rule"] for i in found if i["table_name"] == table and json.loads(i["raw_row"]) == values]
        assert rules == [rule], what
    unread = [json.loads(i["raw_row"])["unreadable"] for i in found if i["rule"] == "unreadable_line"]
    assert unread[:3] == [line for _, line, _ in LINES]
    assert unread[3].startswith("e-bytes,t1")
    assert len(found) == len(DIRT) + len(LINES) + 1


def test_no_good_row_is_lost_to_the_dirt_around_it(dirty: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    accepted = take_in(lake, dirty)
    assert [accepted[t].kept for t in ("trials", "events", "subscriptions")] == [40, 40, 10]
    with lake.engine.connection() as connection:
        lake.known(connection, [EVENTS], before=AS_OF)
        kept = {row[0] for row in connection.execute("select event_id from events").fetchall()}
    assert kept == {f"e{n}" for n in range(40)}


def test_the_row_law_holds_for_every_table(dirty: Source, tmp_path: Path) -> None:
    for a in take_in(empty_lake(tmp_path), dirty).values():
        assert a.read == a.kept + a.quarantined + a.duplicate


def test_an_issue_says_where_what_is_allowed_and_what_to_do(dirty: Source, tmp_path: Path) -> None:
    issues = take_in(empty_lake(tmp_path), dirty, [TRIALS])["trials"].issues
    (issue,) = [i for i in issues.to_pylist() if i["rule"] == "out_of_bounds_trial_days"]
    assert (issue["file"], issue["line"], issue["record_key"]) == ("trials.csv", 12, "t105")
    assert "trial_days: 400" in issue["because"]
    assert "allowed: 1 to 365 days" in issue["because"]
    assert "do:" in issue["because"]


def test_issues_and_counts_have_the_declared_shape(dirty: Source, tmp_path: Path) -> None:
    accepted = take_in(empty_lake(tmp_path), dirty)["events"]
    assert accepted.issues.schema.equals(arrow_schema(DATA_QUALITY_ISSUES))
    assert accepted.counts.schema.equals(arrow_schema(INGESTION_COUNTS))
    assert accepted.counts.to_pylist()[0]["rows_read"] == accepted.read
    assert len(set(accepted.issues["issue_id"].to_pylist())) == accepted.quarantined


def test_the_same_batch_twice_changes_nothing(dirty: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    first, second = take_in(lake, dirty), take_in(lake, dirty)
    for table in RAW_TABLES:
        before, after = first[table.name], second[table.name]
        assert after.new == 0
        assert (after.kept, after.quarantined, after.duplicate) == (before.kept, before.quarantined, before.duplicate)
        assert after.issues.equals(before.issues)


def test_exact_copies_are_counted_and_no_issue(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "events-again.csv").write_bytes((source.folder / "events.csv").read_bytes())
    accepted = take_in(empty_lake(tmp_path), source)["events"]
    assert (accepted.read, accepted.kept, accepted.duplicate, accepted.quarantined) == (80, 40, 40, 0)


def test_a_known_record_that_comes_again_with_other_content_is_quarantined(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    source = clean_source(tmp_path / "source")
    take_in(lake, source)
    write_csv(source.folder / "events.csv", [event(1, event_name="other"), event(2)])
    accepted = take_in(lake, source)["events"]
    assert [i["rule"] for i in accepted.issues.to_pylist()] == ["conflicts_with_known"]
    assert (accepted.kept, accepted.new) == (1, 0)


def test_a_newer_version_is_added_and_one_that_moves_the_start_is_not(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    source = clean_source(tmp_path / "source")
    take_in(lake, source)
    newer = trial(1, plan="pro", updated_at="2024-05-20T00:00:00Z")
    moved = trial(2, started_at="2024-05-07T00:00:00Z", updated_at="2024-05-20T00:00:00Z")
    write_csv(source.folder / "trials.csv", [newer, {"plan": "", **moved}], newer.keys())
    accepted = take_in(lake, source)["trials"]
    assert accepted.new == 1
    assert [(i["record_key"], i["rule"]) for i in accepted.issues.to_pylist()] == [("t2", "conflicts_with_known")]


def test_records_of_a_trial_that_only_the_lake_knows_are_good(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    source = clean_source(tmp_path / "source")
    take_in(lake, source)
    write_csv(source.folder / "trials.csv", [trial(60)])
    write_csv(source.folder / "events.csv", [event(1, event_id="later")])
    assert take_in(lake, source)["events"].new == 1


def test_personal_values_are_not_repeated_in_the_reason(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "contacts.csv", [{"contact_id": "c1", "trial_id": "t1", "email": "secret@" + "x" * 400}])
    (issue,) = take_in(empty_lake(tmp_path), source, [TRIALS, CONTACTS])["contacts"].issues.to_pylist()
    assert issue["rule"] == "out_of_bounds_email"
    assert "secret" not in issue["because"]


def test_properties_of_an_event_are_personal_too(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(1, properties="{secret")])
    (issue,) = take_in(empty_lake(tmp_path), source, [TRIALS, EVENTS])["events"].issues.to_pylist()
    assert issue["rule"] == "wrong_type_properties"
    assert "secret" not in issue["because"]


def test_the_same_bad_row_in_another_file_and_line_is_the_same_issue(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    bad = event(1, occurred_at="13/45/2026")
    file = write_csv(source.folder / "events.csv", [bad])
    (first,) = take_in(lake, source)["events"].issues.to_pylist()
    file.unlink()
    write_csv(source.folder / "events-later.csv", [event(2), bad, bad])
    accepted = take_in(lake, source)["events"]
    assert {issue["issue_id"] for issue in accepted.issues.to_pylist()} == {first["issue_id"]}
    assert {issue["file"] for issue in accepted.issues.to_pylist()} == {"events-later.csv"}


def test_rows_that_do_not_add_up_are_a_fault_of_the_pipeline(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    stage(lake, clean_source(tmp_path / "source"), [TRIALS, SUBSCRIPTIONS])
    file = lake.file("staged_trials", AS_OF)
    with lake.engine.connection() as connection:
        connection.execute(f"create table staged as select * from read_parquet({quoted(file)})")
        lake.write(
            connection, "staged_trials", AS_OF, "select * replace (['lost'] as _broken, true as _copy) from staged"
        )
    with pytest.raises(RowLawError, match="40 rows read"):
        accept(lake, TRIALS, as_of=AS_OF, read_at=READ_AT, run_id="r")


@pytest.mark.parametrize(
    ("spoilt", "staged"), [("where _row <> 7", "39"), ("union all select * from staged where _row = 7", "41")]
)
def test_rows_that_the_reader_counted_and_nobody_staged_are_missed_before_anything_lands(
    spoilt: str, staged: str, tmp_path: Path
) -> None:
    lake = empty_lake(tmp_path)
    stage(lake, clean_source(tmp_path / "source"), [TRIALS])
    with lake.engine.connection() as connection:
        connection.execute(f"create table staged as {lake.rows('staged_trials', AS_OF)}")
        lake.write(connection, "staged_trials", AS_OF, f"select * from staged {spoilt}")
    with pytest.raises(
        RowLawError, match=rf"trials: 40 rows were read from the source, {staged} were staged\n.*\n  do:"
    ):
        accept(lake, TRIALS, as_of=AS_OF, read_at=READ_AT, run_id="r")
    assert not lake.has_raw(TRIALS)


def test_what_was_staged_for_other_days_goes_once_a_batch_has_landed_but_for_the_files_before(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    days = [AS_OF + timedelta(days=n) for n in range(4)]
    for day in days:
        stage(lake, source, [TRIALS], as_of=day)
    forget_batches(lake, days[2])
    assert [lake.has("staged_trials", day) for day in days] == [False, False, True, False]
    assert [lake.has("staged_trials_files", day) for day in days] == [False, True, True, True]
    forget_batches(lake, days[1])
    assert [lake.has("staged_trials_files", day) for day in days] == [False, True, True, True], (
        "none is before the earliest"
    )


def test_a_second_reading_of_what_is_new_keeps_what_the_first_one_of_the_day_rejected(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(1, event_id="a", value="x"), event(2, event_id="b", value="x")])
    take_in(lake, source, [TRIALS, EVENTS])
    write_csv(source.folder / "events.csv", [event(2, event_id="b", value="x"), event(3)])
    take_in(lake, source, [TRIALS, EVENTS])
    assert kept_in_quarantine(lake) == ["b"], "a whole reading tells all there is"
    write_csv(source.folder / "events.csv", [event(1, event_id="c", value="x")])
    stage(lake, source, [TRIALS, EVENTS])
    with lake.engine.connection() as connection:
        files = f"select * replace ('2024-05-01' as since) from ({lake.rows('staged_events_files', AS_OF)})"
        lake.write(connection, "staged_events_files", AS_OF, files)
    for _ in range(2):
        accepted = accept(lake, EVENTS, as_of=AS_OF, read_at=READ_AT, run_id="r")
        assert (accepted.read, accepted.quarantined) == (1, 1)
        assert kept_in_quarantine(lake) == ["b", "c"]


def kept_in_quarantine(lake: Lake) -> list[str]:
    """The keys of the events that the day has in quarantine."""
    return sorted(lake.read("quarantined_events", AS_OF)["record_key"].to_pylist())


def test_a_reason_without_a_value_to_show_names_the_column() -> None:
    (rule,) = [r for r in all_rules(CONTACTS, read_at=READ_AT) if r.name == "out_of_bounds_name"]
    assert because(rule).startswith("'name'")


def test_a_reason_names_the_column_and_the_format_of_the_source(tmp_path: Path) -> None:
    """Who mends the row knows no names but those of the source."""
    folder = clean_source(tmp_path / "source").folder
    given = [{**event(n, received_at=""), "when": f"{n + 2:02d}/05/2024" if n else "2024.05.02"} for n in range(9)]
    write_csv(folder / "events.csv", [{name: row[name] for name in row if name != "occurred_at"} for row in given])
    path = mapping(
        tmp_path, 'tables: {events: {from: events.csv, columns: {occurred_at: {column: when, format: "%d/%m/%Y"}}}}'
    )
    source, lake = open_source(folder, path), empty_lake(tmp_path)
    stage(lake, source, (TRIALS, EVENTS))
    stamp: dict[str, Any] = {"as_of": AS_OF, "read_at": READ_AT, "run_id": "r"}
    (issue,) = accept(lake, EVENTS, **stamp, mapped=mapped_tables(path)["events"]).issues.to_pylist()
    assert issue["because"] == (
        "occurred_at (your column when): 2024.05.02; allowed: what matches your format `%d/%m/%Y` or is ISO 8601; this does not "
        "match your format; do: fix the value, or `format` of column occurred_at in the mapping (use `sql` for values of several formats)"
    )


def test_a_rejected_record_is_remembered_with_its_trial_until_it_has_landed(tmp_path: Path) -> None:
    """What the labels go by: nobody can say what became of a trial whose subscription is in quarantine."""

    def rejected(lake: Lake, before: datetime = AS_OF) -> list[str]:
        with lake.engine.connection() as connection:
            lake.rejected(connection, SUBSCRIPTIONS, before=before)
            found = connection.execute("select trial_id from rejected_subscriptions order by 1").fetchall()
        return [trial_id for (trial_id,) in found]

    source, lake = clean_source(tmp_path / "in"), empty_lake(tmp_path)
    assert rejected(lake) == []
    rows = [subscription(1, mrr="-5"), subscription(2, subscription_id="s3"), subscription(3), subscription(4)]
    write_csv(source.folder / "subscriptions.csv", rows)
    take_in(lake, source)
    assert rejected(lake) == ["t1", "t3"]
    assert rejected(lake, datetime(2024, 5, 25, tzinfo=UTC)) == []
    write_csv(source.folder / "subscriptions.csv", [subscription(1), *rows[1:]])
    take_in(lake, source, as_of=AS_OF + timedelta(days=1))
    assert rejected(lake) == ["t3"]

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.quarantine import dismiss, list_issues, replay, show_issues
from churn_pipeline.cli.repaired import QuarantineError, rows_of_issue
from churn_pipeline.cli.run import RunFailed
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES, INGESTION_COUNTS
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.batches import clean_source, event, take_in, trial, write_csv
from churn_pipeline_tests.rows import rows

pytestmark = pytest.mark.flow
SECRET = "ada@example.org"


@pytest.fixture
def business(settings: Settings, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A business that has read a source with bad rows; Dagster's instance, read from the environment, sees it as well."""
    for name in [name for name in os.environ if name.startswith("CHURN_")]:
        monkeypatch.delenv(name)
    assert settings.postgres_url is not None
    monkeypatch.setenv("CHURN_POSTGRES_URL", settings.postgres_url.get_secret_value())
    monkeypatch.setenv("CHURN_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("DAGSTER_HOME", str(PROJECT))
    monkeypatch.setenv("COLUMNS", "200")
    source = clean_source(tmp_path / "source")
    bad = [event(1, event_id=f"b{n}", occurred_at="13/45/2026") for n in range(3)]
    write_csv(source.folder / "events.csv", [event(0), *bad, event(1, event_id="orphan", trial_id="t99")])
    write_csv(source.folder / "contacts.csv", [{"contact_id": "c1", "trial_id": "nobody", "email": SECRET}])
    for accepted in take_in(Lake.of(settings), source).values():
        warehouse.append(DATA_QUALITY_ISSUES, accepted.issues)
        warehouse.append(INGESTION_COUNTS, accepted.counts)
    return settings


def issues(warehouse: Warehouse) -> dict[str, str]:
    """Issue by key."""
    rows = warehouse.read("select record_key, issue_id from data_quality_issues").to_pylist()
    return {row["record_key"]: row["issue_id"] for row in rows}


def groups(settings: Settings, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """Open and resolved issues by table and rule."""
    capsys.readouterr()
    list_issues(settings, table=None, rule=None, as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {(row["table"], row["rule"]): (row["open"], row["resolved"]) for row in rows}


def test_issues_are_listed_by_table_and_rule_and_never_with_their_rows(
    business: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    list_issues(business, table=None, rule=None, as_json=False)
    list_issues(business, table="contacts", rule=None, as_json=False)
    list_issues(business, table=None, rule="unknown_trial", as_json=True)
    said = capsys.readouterr().out
    assert "wrong_type_occurred_at" in said
    assert "c1" in said
    assert SECRET not in said
    assert said.count(f"business: {business.business} (of another: --source or --mapping)\n") == 2, "not among the JSON"
    assert groups(business, capsys) == {
        ("events", "wrong_type_occurred_at"): (3, 0),
        ("events", "unknown_trial"): (1, 0),
        ("contacts", "unknown_trial"): (1, 0),
    }


def test_an_issue_is_shown_with_its_row_its_place_and_what_to_do(
    business: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    show_issues(business, [issues(warehouse)["b1"][:12]], form="words")
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert lines["because"] == "occurred_at: 13/45/2026"
    assert lines["found"].endswith("in events.csv, line 4")
    assert lines["allowed"].startswith("ISO 8601")
    assert lines["resolved"] == "no, it is open"
    assert json.loads(lines["row"])["event_id"] == "b1"


@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_is_shown_can_be_edited_and_put_back_and_twice_changes_nothing(
    form: str, business: Settings, warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_issues(business, [issues(warehouse)[key] for key in ("b0", "b1")], form=form)
    file = tmp_path / ("events.jsonl" if form == "json" else "events-fixed.csv")
    file.write_text(capsys.readouterr().out.replace("13/45/2026", "2024-05-02T09:00:00Z"))
    replay(business, files=[file])
    assert "events: 2 landed (2 new)" in capsys.readouterr().out
    assert groups(business, capsys)["events", "wrong_type_occurred_at"] == (1, 2)
    before = warehouse.read("select * from data_quality_resolutions").to_pylist()
    assert {(row["resolved_by"], row["became"]) for row in before} == {("replay", "b0"), ("replay", "b1")}
    replay(business, files=[file])
    assert "events: 2 landed (0 new)" in capsys.readouterr().out
    assert warehouse.read("select * from data_quality_resolutions").to_pylist() == before
    assert len(issues(warehouse)) == 5
    with dg.DagsterInstance.get() as instance:
        assert [(r.job_name, r.status.value) for r in instance.get_runs()] == [("replay", "SUCCESS")] * 2


def test_an_issue_comes_back_with_other_values_and_one_that_is_still_wrong_says_so(
    business: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    issue = issues(warehouse)["b2"]
    with pytest.raises(SystemExit, match="1"):
        replay(business, issue=issue, values=["occurred_at=never"])
    assert "events: 0 landed (0 new), 1 rejected again" in capsys.readouterr().out
    assert groups(business, capsys)["events", "wrong_type_occurred_at"] == (3, 1)
    replay(business, issue=issue, values=["occurred_at=2024-05-05", "received_at="])
    assert groups(business, capsys)["events", "wrong_type_occurred_at"] == (2, 2)


def test_a_value_for_what_the_mapping_makes_of_another_column_is_refused(
    business: Settings, warehouse: Warehouse, tmp_path: Path
) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text(
        "tables:\n  events:\n    from: clicks.csv\n    columns: {session_id: visit, event_name: event_name, occurred_at: at}\n"
    )
    issue = issues(warehouse)["b2"]
    with pytest.raises(QuarantineError, match=r"--set session_id=\.\.\. \(made of your column visit\): no value"):
        rows_of_issue(warehouse, issue, ["event_name=login", "session_id=s"], mapping=mapping)
    with pytest.raises(QuarantineError, match=r"occurred_at=\.\.\. \(made of your column at\)"):
        rows_of_issue(warehouse, issue, ["occurred_at=2024-05-05"], mapping=mapping)
    (row,) = rows_of_issue(warehouse, issue, ["at=2024-05-05", "event_name=login"], mapping=mapping).to_pylist()
    assert json.loads(row["row"]) | {"at": "2024-05-05", "event_name": "login"} == json.loads(row["row"])


def test_only_raw_tables_can_be_asked_for(business: Settings) -> None:
    with pytest.raises(QuarantineError, match=r"'event' is no raw table; did you mean events\?"):
        list_issues(business, table="event", rule=None, as_json=False)


def test_rows_of_a_feature_table_are_shown_and_mended_in_the_table_alone(
    business: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    issue = {"issue_id": "abc", "table_name": "feature_table", "rule": "wrong_type_age", "raw_row": '{"age": "old"}'}
    warehouse.append(DATA_QUALITY_ISSUES, rows(DATA_QUALITY_ISSUES, issue))
    list_issues(business, table="feature_table", rule=None, as_json=True)
    assert json.loads(capsys.readouterr().out)["issue_id"] == "abc"
    show_issues(business, ["abc"], form="words")
    assert "close     mend the row in the table, or take it out, then churn run\n" in capsys.readouterr().out


def test_after_the_reason_is_gone_all_of_a_rule_come_back_at_once(
    business: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = tmp_path / "trials.csv"
    write_csv(fixed, [trial(99, started_at="2024-05-01"), trial(98, trial_id="nobody", started_at="2024-05-01")])
    replay(business, files=[fixed])
    replay(business, rule="unknown_trial")
    assert "contacts: 1 landed (1 new)\nevents: 1 landed (1 new)" in capsys.readouterr().out
    assert groups(business, capsys)["events", "unknown_trial"] == (0, 1)
    with pytest.raises(QuarantineError, match="no such issue is open"):
        replay(business, rule="unknown_trial")


def test_rows_that_lack_a_column_are_refused_as_a_whole(business: Settings, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "events.csv", [event(1)], ["event_id", "trial_id", "occurred_at"])
    with pytest.raises(RunFailed, match=r"fit_to_be_replayed on repaired_rows: .*(?s:.*)missing_column"):
        replay(business, files=[file])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "it is not said what to put back"),
        ({"issue": "x", "files": [Path("events.csv")]}, "it is not said what to put back"),
        ({"issue": "zzz"}, "'zzz' is no issue"),
        ({"issue": ""}, "'' is no issue"),
        ({"files": [Path("nowhere/events.csv")]}, "there is no such file"),
        ({"files": [Path("rows.csv")]}, "it is not said of which table its rows are"),
        ({"files": [Path("rows.csv")], "table": "clicks"}, "'clicks' is no raw table"),
    ],
)
def test_what_cannot_be_put_back_is_told_before_anything_runs(
    asked: dict[str, Any], told: str, business: Settings
) -> None:
    with pytest.raises(QuarantineError, match=told):
        replay(business, **asked)
    assert not (business.home / "replays").exists()


def test_values_lines_and_links_that_are_wrong_are_named(
    business: Settings, warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(QuarantineError, match=r"--set color=..., oops: no value for a column of events"):
        replay(business, issue=issues(warehouse)["b1"], values=["color=red", "oops"])
    broken = tmp_path / "events.csv"
    broken.write_text("event_id,trial_id\na,b,c\n")
    with pytest.raises(QuarantineError, match=r"1 lines cannot be read\n  line 2: has 3 fields"):
        replay(business, files=[broken])
    broken.write_text("")
    with pytest.raises(QuarantineError, match="the file is empty"):
        replay(business, files=[broken])
    write_csv(broken, [{"_issue": "gone", **event(1)}])
    with pytest.raises(QuarantineError, match="column _issue names 1 issues that are not there"):
        replay(business, files=[broken])


def test_issues_are_closed_by_a_run_of_their_own_with_the_reason(
    business: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    known = issues(warehouse)
    dismiss(business, [known["b0"][:12]], why="noise")
    dismiss(business, [known["b0"], known["b1"]], why="noise, too")
    assert "1 issues closed, 1 had been closed before" in capsys.readouterr().out
    show_issues(business, [known["b1"]], form="words")
    assert ": noise, too\n" in capsys.readouterr().out
    assert groups(business, capsys)["events", "wrong_type_occurred_at"] == (1, 2)
    with pytest.raises(QuarantineError, match="no such issue is open"):
        dismiss(business, [known["b0"]], why="again")
    dismiss(business, [], rule="unknown_trial", why="nobody's")
    assert groups(business, capsys)["contacts", "unknown_trial"] == (0, 1)
    with dg.DagsterInstance.get() as instance:
        assert [(r.job_name, r.status.value) for r in instance.get_runs()] == [("dismiss", "SUCCESS")] * 3


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"issues": [], "why": "x"}, "it is not said what to close"),
        ({"issues": ["a"], "table": "events", "why": "x"}, "it is not said what to close"),
        ({"issues": ["a"], "why": " "}, "or not why"),
        ({"issues": ["zzz"], "why": "x"}, "'zzz' is no issue"),
    ],
)
def test_what_cannot_be_closed_is_told_before_anything_runs(
    asked: dict[str, Any], told: str, business: Settings
) -> None:
    with pytest.raises(QuarantineError, match=told):
        dismiss(business, **asked)


def test_while_somebody_writes_nothing_is_put_back_or_closed(business: Settings, warehouse: Warehouse) -> None:
    with warehouse.lock(WRITERS), pytest.raises(Busy):
        replay(business, table="events")
    with warehouse.lock(WRITERS), pytest.raises(Busy):
        dismiss(business, [], table="events", why="x")


def test_before_anything_was_read_there_is_nothing(
    settings: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    list_issues(settings, table=None, rule=None, as_json=False)
    list_issues(settings, table="events", rule=None, as_json=False)
    whose = f"(business {settings.business})"
    assert capsys.readouterr().out == f"nothing is in quarantine {whose}\nno such issue is open {whose}\n"
    with pytest.raises(QuarantineError, match="nothing has been read yet"):
        replay(settings, files=[write_csv(tmp_path / "events.csv", [event(1)])])

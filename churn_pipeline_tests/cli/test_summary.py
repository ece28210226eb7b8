from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.feature_table import columns_rows
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.summary import named, run_facts, say_run, say_scored
from churn_pipeline.contracts.analytics import (
    DATA_EXPECTATIONS,
    DATA_QUALITY_ISSUES,
    DATA_QUALITY_RESOLUTIONS,
    DRIFT,
    INGESTION_COUNTS,
    MODEL_PERFORMANCE,
    PREDICTION_ERRORS,
    SCORES,
)
from churn_pipeline.contracts.feature_table import NAME, FeatureTable, TableColumn, Use
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS
from churn_pipeline.contracts.production import MODEL_PROMOTIONS, MODEL_VERDICTS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.mappings import mapping
from churn_pipeline_tests.rows import DAY, rows

pytestmark = pytest.mark.flow

LATER = DAY + timedelta(days=7)


@pytest.fixture
def ran(warehouse: Warehouse) -> Warehouse:
    """What a run as of DAY leaves, and a later day's that must not be mixed in."""
    counts: list[dict[str, Any]] = [
        {"table_name": "trials", "rows_read": 10, "rows_kept": 10},
        {"table_name": "events", "rows_read": 1_300, "rows_kept": 1_234, "rows_quarantined": 66},
        {"table_name": "touches"},
    ]
    warehouse.append(INGESTION_COUNTS, rows(INGESTION_COUNTS, *counts, run_id="r2", read_at=LATER))
    warehouse.append(INGESTION_COUNTS, rows(INGESTION_COUNTS, {"table_name": "trials", "rows_read": 9}, run_id="r1"))
    issues = [
        {"issue_id": name, "table_name": table} for name, table in (("i", "events"), ("j", "events"), ("k", "trials"))
    ]
    warehouse.append(DATA_QUALITY_ISSUES, rows(DATA_QUALITY_ISSUES, *issues))
    warehouse.append(DATA_QUALITY_RESOLUTIONS, rows(DATA_QUALITY_RESOLUTIONS, {"issue_id": "j"}))
    scores = [("a", "at_risk"), ("b", "at_risk"), ("c", "middle"), ("d", "hot")]
    given = [{"trial_id": trial, "score_bucket": bucket} for trial, bucket in scores]
    warehouse.append(SCORES, rows(SCORES, *given, scored_by="champion", note="few conversions yet"))
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "z"}, as_of=LATER, scored_by="rules"))
    warehouse.append(MODEL_VERDICTS, rows(MODEL_VERDICTS, {"model_version": "10", "verdict": "10 promoted"}))
    warehouse.append(MODEL_VERDICTS, rows(MODEL_VERDICTS, {"model_version": "9", "verdict": "9 not promoted"}))
    return warehouse


def promoted(warehouse: Warehouse, version: str, since: int, decided: int) -> None:
    entry = {
        "promotion_id": version,
        "model_version": version,
        "from_as_of": DAY + timedelta(days=since),
        "decided_at": DAY + timedelta(days=decided),
    }
    warehouse.append(MODEL_PROMOTIONS, rows(MODEL_PROMOTIONS, entry))


def test_a_run_tells_what_was_read_who_is_champion_who_was_scored_and_where_to_look(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(ran, "10", 0, 0)
    say_run(settings, DAY, as_json=False)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "read     1,234 events (66 in quarantine), 10 trials"
    assert lines[1] == "model    champion is version 10 since 2024-05-02; 10 promoted"
    assert lines[2] == (
        "scored   4 trials by the champion: 2 at risk, 1 in the middle, 1 hot [few conversions yet] (as of 2024-05-02)"
    )
    assert lines[3] == (
        "matured  no score in the last 28 days: what became of a score is known 7 days after its trial's planned end"
    )
    assert (
        lines[4] == "odd      2 of 3 issues of the quarantine are open, 1 resolved (`churn quarantine list` says why)"
    )
    assert "churn table scores_latest" in lines[5]


def test_what_is_mended_is_not_odd_and_a_subscription_in_quarantine_is_explained(
    ran: Warehouse, settings: Settings
) -> None:
    ran.append(DATA_QUALITY_RESOLUTIONS, rows(DATA_QUALITY_RESOLUTIONS, {"issue_id": "i"}, {"issue_id": "k"}))
    assert run_facts(ran, Lake.of(settings), DAY)["odd"] == []
    ran.append(DATA_QUALITY_ISSUES, rows(DATA_QUALITY_ISSUES, {"issue_id": "l", "table_name": "subscriptions"}))
    assert run_facts(ran, Lake.of(settings), DAY)["odd"] == [
        "1 of 4 issues of the quarantine are open, 3 resolved (`churn quarantine list` says why)",
        "trials whose subscription is in quarantine have no label until it is mended or dismissed",
    ]


def test_a_table_that_came_without_rows_is_told_if_it_ever_had_some(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    ran.append(INGESTION_COUNTS, rows(INGESTION_COUNTS, {"table_name": "touches", "rows_read": 5}, run_id="r0"))
    say_run(settings, DAY, as_json=False)
    assert "read     1,234 events (66 in quarantine), 0 touches, 10 trials" in capsys.readouterr().out


def test_how_good_the_matured_scores_were_is_told(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = {"scored_by": "champion", "verdict": "held: AUC 0.8", "window_days": 28}
    ran.append(MODEL_PERFORMANCE, rows(MODEL_PERFORMANCE, judged))
    say_run(settings, DAY, as_json=False)
    assert "\nmatured  held: AUC 0.8\n" in capsys.readouterr().out


def test_of_a_table_whose_rows_all_have_their_label_it_is_told_that_nothing_can_mature(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    who = TableColumn("customer", "category", Use.ID), TableColumn("churned", "category", Use.LABEL)
    lake = Lake.of(settings)
    with lake.engine.connection() as connection:
        lake.write(connection, FEATURE_TABLE_COLUMNS.name, DAY, columns_rows(FeatureTable(who, "no")))
        for rest, told in (
            (None, "no score in the last 28 days: it is once the table has"),
            ("yes", "nothing can: every row had"),
        ):
            labels = f"select 'a' as customer, 'no' as churned union all select 'b', {quoted(rest) if rest else 'null'}"
            lake.write(connection, NAME, DAY, labels)
            say_run(settings, DAY, as_json=False)
            assert f"\nmatured  {told}" in capsys.readouterr().out


def test_where_to_look_names_the_business_of_the_run_and_a_retrain_tells_of_no_scores(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    named = settings.model_copy(update={"source": Path("/my files"), "mapping": Path("m.yaml")})
    say_run(named, DAY, as_json=False, scored=False)
    out = capsys.readouterr().out
    assert "churn table scores_latest --source '/my files' --mapping m.yaml" in out
    assert "churn dev --source '/my files' --mapping m.yaml" in out
    assert "(`churn quarantine list --source '/my files' --mapping m.yaml` says why" in out
    assert "scored" not in out
    assert "matured" not in out


def test_a_source_that_the_mapping_names_itself_is_not_named_twice(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"settings: {{source: {tmp_path}}}\n")
    own = settings.model_copy(update={"source": tmp_path, "mapping": tmp_path / "m.yaml"})
    assert named(own) == f" --mapping {tmp_path}/m.yaml"
    other = own.model_copy(update={"source": tmp_path / "other"})
    assert named(other) == f" --source {tmp_path}/other --mapping {tmp_path}/m.yaml"


def test_the_champion_of_a_day_is_who_the_ledger_says_and_not_who_was_decided_on_last(
    ran: Warehouse, settings: Settings
) -> None:
    """Someone promoted version 1 from an earlier day on, after version 2 had taken over."""
    promoted(ran, "2", since=-1, decided=0)
    promoted(ran, "1", since=-9, decided=3)
    promoted(ran, "3", since=4, decided=4)
    champion = run_facts(ran, Lake.of(settings), DAY)["champion"]
    assert (champion["model_version"], champion["from_as_of"]) == ("2", "2024-05-01")


def test_a_champion_of_past_days_is_told_with_the_day_on_which_a_later_one_took_over(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(ran, "1", since=4, decided=4)
    promoted(ran, "10", since=0, decided=9)
    say_run(settings, DAY, as_json=False, scored=False)
    assert (
        "model    champion of that day was version 10, from 2024-05-02 until version 1 took over on 2024-05-06; "
        "this run changes nothing from then on; 10 promoted\n"
    ) in capsys.readouterr().out


def test_a_day_on_which_nothing_could_be_trained_says_why(warehouse: Warehouse, settings: Settings) -> None:
    lake = Lake.of(settings)
    assert run_facts(warehouse, lake, DAY)["verdict"] is None
    with lake.engine.connection() as connection:
        noted = "select timestamptz '2024-05-02 00:00+00' as as_of, null::varchar as model_version, 'too few trials' as because"
        lake.write(connection, "challenger", DAY, noted)
    assert run_facts(warehouse, lake, DAY)["verdict"] == "no challenger: too few trials"


def test_whatever_is_odd_is_named(ran: Warehouse, settings: Settings) -> None:
    drifted = [{"feature": f"f{n}", "drifted": True, "distance": 1.0 + n, "threshold": 1.0} for n in range(5)]
    ran.append(DRIFT, rows(DRIFT, *drifted, {"feature": "calm", "threshold": 1.0}))
    judged = {"scored_by": "champion", "degraded": True, "verdict": "degraded: AUC 0.5", "window_days": 28}
    ran.append(MODEL_PERFORMANCE, rows(MODEL_PERFORMANCE, judged))
    odd = [{"subject": str(n), "verdict": "warn", "kind": "null_rate", "words": f"words {n}"} for n in range(4)]
    expected = {"subject": "5", "verdict": "as_expected", "kind": "null_rate", "words": "fine"}
    ran.append(DATA_EXPECTATIONS, rows(DATA_EXPECTATIONS, *odd, expected))
    failed = (
        "model 2 could not score: no column a\n  do: y\nmodel 1 could not be loaded: x is not the saved one\n  do: z"
    )
    canary = {"subject": "canary", "error": "model 3 could not score: no column b", "handled_by": "champion"}
    champion = {"subject": "all trials", "error": failed, "handled_by": "rules"}
    ran.append(PREDICTION_ERRORS, rows(PREDICTION_ERRORS, champion, canary))
    assert run_facts(ran, Lake.of(settings), DAY)["odd"] == [
        "2 of 3 issues of the quarantine are open, 1 resolved (`churn quarantine list` says why)",
        "words 0",
        "words 1",
        "words 2",
        "1 more expectations broken (table data_expectations)",
        "model 2 could not score: no column a; model 1 could not be loaded: x is not the saved one; the rules scored",
        "model 3 could not score: no column b; the champion scored its trials",
        "performance: degraded: AUC 0.5",
        "drifted: f4, f3, f2 and 2 more",
    ]


def test_machines_get_one_json_object(ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    say_run(settings, DAY, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["as_of"] == "2024-05-02"
    assert facts["champion"] is None
    assert facts["scored"][0]["trials"] == 4


def test_nothing_is_said_as_nothing(
    warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    say_run(settings, DAY, as_json=False)
    out = capsys.readouterr().out
    assert "read     nothing" in out
    assert "no champion yet: the rules score" in out
    assert "no trial: none is running" in out


@pytest.mark.parametrize(("first", "early"), [("2024-05-01", False), ("2024-05-02", True), ("2026-02-28", True)])
def test_a_day_before_all_records_is_told_as_such(
    warehouse: Warehouse, settings: Settings, first: str, early: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (first, "2026-11-01"):
        (Lake.of(settings).root / "raw" / "events" / f"day={day}").mkdir(parents=True)
    counted = {"table_name": "events", "rows_read": 9, "rows_kept": 9}
    warehouse.append(INGESTION_COUNTS, rows(INGESTION_COUNTS, counted))
    say_run(settings, DAY, as_json=False)
    out = capsys.readouterr().out
    assert ("read     9 events; none of it was known by then\n" in out) is early
    assert (f"scored   no trial: that day does not lie after your first record ({first}) (as of" in out) is early


def test_of_a_feature_table_rows_are_scored(
    ran: Warehouse, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = mapping(tmp_path, "feature_table: {table: customers.csv, label: churned, positive: 'no'}")
    told = settings.model_copy(update={"mapping": path})
    say_scored(told, [DAY, DAY + timedelta(days=1)], as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("2024-05-02  4 rows by the champion: 2 at risk")
    assert second == "2024-05-03  no row: none is without its label"


def test_each_scored_day_has_its_line(ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    say_scored(settings, [DAY, LATER], as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("2024-05-02  4 trials by the champion")
    assert second == "2024-05-09  1 trials by the rules: 1 at risk, 0 in the middle, 0 hot"
    say_scored(settings, [DAY], as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["as_of"] == "2024-05-02"


def test_a_scored_day_says_which_model_could_not(
    ran: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"subject": "all trials", "error": "model 3 could not be loaded", "handled_by": "previous_champion"}
    ran.append(PREDICTION_ERRORS, rows(PREDICTION_ERRORS, failed))
    say_scored(settings, [DAY], as_json=False)
    assert "model 3 could not be loaded; the champion before scored" in " ".join(capsys.readouterr().out.split())

"""The whole chain on a team's own feature table: the same assets, the same tables, no code."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.rebuild import rebuild
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings
from churn_pipeline_tests.chains import NOW, SMALL, run, tables
from churn_pipeline_tests.tables import team_table, write_table

pytestmark = pytest.mark.flow

DAY = NOW.date()
QUICK = {key: SMALL[key] for key in ("tuning_trials", "gate_resamples", "drift_false_alarm", "threads", "reports")}


def settings_of(mapping: Path, data_dir: Path, database: str) -> Settings:
    return Settings(data_dir=data_dir, postgres_url=database, mapping=mapping, **QUICK)


def test_a_table_goes_from_a_file_to_scores_with_reasons_and_again_without_a_change(
    tmp_path: Path, database: str
) -> None:
    frame = team_table(1_500, unlabelled=200).astype(object)
    frame.loc[7, "visits"] = "many"
    settings = settings_of(write_table(tmp_path, frame), tmp_path / "data", database)
    assert run(settings, day=DAY).success
    found = tables(settings)
    scores = pd.DataFrame(found["scores"])
    assert sorted(scores["trial_id"]) == sorted(frame["customer_id"].iloc[-200:])
    assert set(scores["scored_by"]) == {"champion"}
    pushes = scores[[f"reason_{n}_push" for n in range(1, 6)]].fillna(0).sum(axis=1)
    shown = logit.log_odds(scores["conversion_probability"].to_numpy())
    assert (scores["base_log_odds"] + pushes + scores["other_log_odds"] - shown).abs().max() < 1e-6
    used = set(ModelStore.of(settings).load("1").scorer.schema.names)
    assert {"visits", "plan"} <= used <= {"visits", "plan", "Noise, of no use"}, "no id, no constant, no leak"
    assert {words.split(" is ")[0] for words in scores["reason_1_words"]} <= used
    (issue,) = found["data_quality_issues"]
    assert (issue["table_name"], issue["rule"], issue["record_key"]) == ("feature_table", "wrong_type_visits", "c00007")
    (law,) = found["ingestion_counts"]
    assert (law["rows_read"], law["rows_kept"], law["rows_quarantined"]) == (1_500, 1_499, 1)
    assert len(found["actions"]) == 200
    again = rebuild(
        Lake.of(settings), Warehouse.of(settings), ModelStore.of(settings), trial="c01400", as_of=midnight(DAY)
    )
    assert again.differing == ()
    assert run(settings, day=DAY).success
    again_found = tables(settings)
    assert again_found.pop("ingestion_counts") == found.pop("ingestion_counts") * 2, "each run counts what it read"
    assert again_found == found


def test_scores_meet_their_labels_once_the_table_has_them(tmp_path: Path, database: str) -> None:
    frame = team_table(900, unlabelled=150)
    settings = settings_of(write_table(tmp_path, frame), tmp_path / "data", database)
    assert run(settings, day=DAY - timedelta(days=3)).success
    assert tables(settings)["score_outcomes"] == []
    whole = team_table(900, unlabelled=0)
    write_table(tmp_path, whole)
    assert run(settings, "daily_scoring", day=DAY).success
    found = tables(settings)
    outcomes = {(row["trial_id"], row["converted"]) for row in found["score_outcomes"] if row["as_of"] < midnight(DAY)}
    assert outcomes == {(row.customer_id, row.churned == "no") for row in whole.iloc[-150:].itertuples()}
    assert [row["trials"] for row in found["model_performance"] if row["as_of"] == midnight(DAY)] == [150]


def test_with_too_few_labels_everybody_gets_the_base_rate_and_a_note(tmp_path: Path, database: str) -> None:
    settings = settings_of(write_table(tmp_path, team_table(60, unlabelled=40)), tmp_path / "data", database)
    assert run(settings, day=DAY).success
    scores = pd.DataFrame(tables(settings)["scores"])
    assert len(scores) == 40
    assert scores["conversion_probability"].nunique() == 1
    assert set(scores["note"]) == {"rules: no model has beaten the base rate yet"}
    assert scores["reason_1_words"].isna().all()


def test_rows_of_one_entity_by_day_are_split_by_time(tmp_path: Path, database: str) -> None:
    """Each entity has three rows, a week apart, of which the newest has no label yet for the last hundred."""
    first = team_table(700, unlabelled=0)
    days = pd.date_range("2026-01-01", periods=700, freq="6h", tz="UTC")
    frame = pd.concat([first.assign(day=days + pd.Timedelta(days=7 * n), visits=first["visits"] + n) for n in range(3)])
    newest = frame["day"] > days[600] + pd.Timedelta(days=13)
    frame.loc[newest, ["churned", "churn_reason"]] = None
    settings = settings_of(write_table(tmp_path, frame, time="day"), tmp_path / "data", database)
    assert run(settings, day=date(2026, 7, 20)).success
    training = Lake.of(settings).read("training_set", midnight(date(2026, 7, 20))).to_pandas()
    assert len(training) == (~newest).sum()
    assert (training["started_at"] <= training["as_of"]).all()
    assert ModelStore.of(settings).load("1").facts["cohorts"]["test"]["trials"] > 0
    scored = pd.DataFrame(tables(settings)["scores"])
    assert sorted(scored["trial_id"]) == sorted(frame[newest].groupby("customer_id").size().index)


def test_a_table_that_is_not_fit_stops_and_yesterdays_scores_stay(tmp_path: Path, database: str) -> None:
    settings = settings_of(write_table(tmp_path, team_table(300)), tmp_path / "data", database)
    assert run(settings, day=DAY - timedelta(days=1)).success
    before = tables(settings)["scores"]
    spoilt = team_table(300)
    spoilt["customer_id"] = spoilt["customer_id"].where(spoilt.index % 2 == 0)
    write_table(tmp_path, spoilt)
    result = run(settings, day=DAY)
    assert not result.success
    (check,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "fit_to_be_used")
    assert "missing_key" in (check.description or "")
    assert tables(settings)["scores"] == before


def test_a_panel_whose_labels_differ_from_row_to_row_is_trained_on_and_its_scores_wait(
    tmp_path: Path, database: str
) -> None:
    """Each entity has a row a month; of those that leave only the last one says so."""
    first = team_table(700, unlabelled=0).drop(columns=["final_invoice", "churn_reason"])
    start = pd.date_range("2026-01-01", periods=700, freq="3h", tz="UTC")
    months = [first.assign(day=start + pd.Timedelta(days=30 * n), churned="no") for n in range(2)]
    last = first.assign(day=start + pd.Timedelta(days=60))
    last.loc[last.index >= 600, "churned"] = None
    settings = settings_of(write_table(tmp_path, pd.concat([*months, last]), time="day"), tmp_path / "data", database)
    day = date(2026, 7, 20)
    assert run(settings, day=day).success
    labels = Lake.of(settings).read("labels", midnight(day)).to_pylist()
    assert {row["converted"] for row in labels} == {True}, "who left has two labels, and so no outcome"
    facts = ModelStore.of(settings).load("1").facts
    assert facts["cohorts"]["fit"]["conversions"] > 0
    scored = pd.DataFrame(tables(settings)["scores"])
    assert len(scored) == 100
    assert tables(settings)["score_outcomes"] == []


def test_a_column_that_is_gone_lets_the_rules_score_and_says_which(tmp_path: Path, database: str) -> None:
    frame = team_table(1_500, unlabelled=200)
    settings = settings_of(write_table(tmp_path, frame), tmp_path / "data", database)
    assert run(settings, day=DAY - timedelta(days=1)).success
    before = tables(settings)
    assert {row["scored_by"] for row in before["scores"]} == {"champion"}
    assert len([row for row in before["drift"] if not row["drifted"]]) == len(before["drift"]) > 0
    write_table(tmp_path, frame.drop(columns="visits"))
    result = run(settings, "daily_scoring", day=DAY)
    (check,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "scored_by_a_model")
    assert "have no visits" in (check.description or "")
    today = [row for row in tables(settings)["scores"] if row["as_of"] == midnight(DAY)]
    assert {row["scored_by"] for row in today} == {"rules"}
    rate = (frame["churned"] == "no").sum() / frame["churned"].notna().sum()
    assert abs(today[0]["conversion_probability"] - rate) < 0.01

"""The whole chain, from files to scores, as real Dagster runs on a real PostgreSQL."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.ledger import end_trial, put_on_trial
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.core.log_odds import log_odds
from churn_pipeline.settings import Settings
from churn_pipeline_tests.chains import NOW, UNTIL, as_of, run, small, tables, world

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def business(database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small business after one green run of everything."""
    settings = small(tmp_path_factory.mktemp("business"), database_of_module, business="shop")
    assert run(settings).success
    return settings


def scores(settings: Settings) -> list[dict[str, Any]]:
    """Every row of `scores`."""
    return list(Warehouse.of(settings).read("select * from scores order by as_of, trial_id").to_pylist())


def test_every_running_trial_is_scored_by_the_promoted_champion(business: Settings) -> None:
    rows = scores(business)
    trials = world(business).trials
    running = [
        row["trial_id"]
        for row in trials.to_pylist()
        if (UNTIL - row["started_at"].date()).days <= row["trial_days"] and row["consent_profiling"] is not False
    ]
    converted = set(world(business).subscriptions["trial_id"].to_pylist())
    assert sorted(row["trial_id"] for row in rows) == sorted(set(running) - converted)
    assert {(row["scored_by"], row["model_version"], row["as_of"]) for row in rows} == {("champion", "1", as_of(UNTIL))}
    (promotion,) = tables(business)["model_promotions"]
    assert promotion["model_version"] == "1"
    assert promotion["from_as_of"] == as_of(UNTIL)
    assert promotion["verdict"].startswith("model 1 promoted: log loss better by")
    assert not ModelStore.of(business).load("1").facts["note"], "regressions alone"


def test_reasons_add_up_to_the_log_odds_of_the_shown_probability(business: Settings) -> None:
    for row in scores(business):
        pushes = sum(row[f"reason_{place}_push"] for place in range(1, 6))
        assert row["base_log_odds"] + pushes + row["other_log_odds"] == pytest.approx(
            float(log_odds(row["conversion_probability"])), abs=1e-6
        )
        for place in range(1, 6):
            up = row[f"reason_{place}_push"] > 0
            assert row[f"reason_{place}_words"].endswith("pushes up" if up else ("pushes down", "has no effect"))


def test_rows_read_are_rows_kept_quarantined_or_duplicate(business: Settings) -> None:
    counted = {row["table_name"]: row for row in tables(business)["ingestion_counts"]}
    for row in counted.values():
        assert row["rows_read"] == row["rows_kept"] + row["rows_quarantined"] + row["rows_duplicate"]
    assert counted["trials"]["rows_kept"] == world(business).trials.num_rows
    assert counted["events"]["rows_kept"] == world(business).events.num_rows


def test_a_second_run_changes_nothing_but_run_and_moment(business: Settings) -> None:
    before = tables(business)
    result = run(business)
    assert result.success
    after = tables(business)
    counts = after.pop("ingestion_counts")
    first = before.pop("ingestion_counts")
    assert after == before
    again = [row for row in counts if row not in first]
    assert {row["rows_new"] for row in again} <= {0}
    challenger = result.asset_materializations_for_node("challenger")[0].metadata
    assert challenger["because"].value == "trained before, from the same rows, recipe and code"
    landmarks = result.asset_materializations_for_node("landmark_snapshots")[0].metadata
    assert (landmarks["parts computed"].value, landmarks["parts"].value) == (0, landmarks["parts"].value)
    made: list[Any] = [
        event.step_materialization_data.materialization for event in result.get_asset_materialization_events()
    ]
    assert [m.asset_key for m in made if not 50 < m.metadata["peak_rss_mb"].value < 20_000] == []


def test_a_day_scored_afterwards_is_as_it_was_known_then(business: Settings) -> None:
    day = UNTIL - timedelta(days=40)
    assert run(business, "rescore", day).success
    rows = [row for row in scores(business) if row["as_of"] == as_of(day)]
    started = {row["trial_id"]: row["started_at"] for row in world(business, day).trials.to_pylist()}
    assert rows
    assert {row["trial_id"] for row in rows} <= set(started)
    assert all("scored afterwards" in row["note"] for row in rows)
    assert run(business, "rescore", UNTIL).success
    assert tables(business)["score_outcomes"] == [], "scores given in hindsight are no record of the champion"


def dirty(source: Path, folder: Path, *, share: float) -> Path:
    """The source with the moments of a share of its events made unreadable."""
    shutil.copytree(source, folder)
    events = pq.read_table(folder / "events.parquet")
    moments = pc.cast(events["occurred_at"], pa.string()).to_pylist()
    bad = int(share * len(moments))
    column = pa.array(["13/45/2026"] * bad + moments[bad:])
    place = events.column_names.index("occurred_at")
    pq.write_table(events.set_column(place, "occurred_at", column), folder / "events.parquet")
    return folder


def without_column(source: Path, folder: Path) -> Path:
    """The source whose events have no `event_name`."""
    shutil.copytree(source, folder)
    pq.write_table(pq.read_table(folder / "events.parquet").drop_columns("event_name"), folder / "events.parquet")
    return folder


def emptied(source: Path, folder: Path) -> Path:
    """The source whose events file has a header and no rows."""
    shutil.copytree(source, folder)
    pq.write_table(pq.read_table(folder / "events.parquet").slice(0, 0), folder / "events.parquet")
    return folder


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s, f: dirty(s, f, share=0.3), ("events.parquet", "occurred_at", "wrong_type", "13/45/2026", "do:")),
        (without_column, ("events.parquet", "event_name", "missing_column", "do:")),
        (emptied, ("events.parquet", "empty_batch", "do:")),
    ],
)
def test_a_batch_bad_as_a_whole_is_red_before_features_and_leaves_the_scores(
    spoil: Any, said: tuple[str, ...], business: Settings, tmp_path: Path
) -> None:
    before = tables(business)
    bad = spoil(business.source_folder, tmp_path / "bad")
    tomorrow = UNTIL + timedelta(days=1)
    result = run(business.model_copy(update={"source": bad}), day=tomorrow)
    assert not result.success
    materialized = {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
    }
    assert "raw_events" in materialized
    assert not materialized & {"trials", "events", "snapshots", "scores"}
    assert tables(business) == before
    (failed,) = [found for found in result.get_asset_check_evaluations() if not found.passed]
    assert failed.asset_key.to_user_string() == "raw_events"
    words = str(failed.metadata["because"].value)
    assert all(word in words for word in said), words


def test_a_few_bad_rows_go_to_quarantine_and_the_others_go_on(
    business: Settings, tmp_path: Path, database: str
) -> None:
    source = dirty(business.source_folder, tmp_path / "dirty", share=0.05)
    settings = small(tmp_path / "data", database, source=source, business="dirty")
    assert run(settings, "daily_scoring").success
    issues = tables(settings)["data_quality_issues"]
    (counted,) = [row for row in tables(settings)["ingestion_counts"] if row["table_name"] == "events"]
    assert len(issues) == counted["rows_quarantined"] == int(0.05 * counted["rows_read"])
    assert {issue["rule"] for issue in issues} == {"wrong_type_occurred_at"}
    assert all("13/45/2026" in issue["raw_row"] for issue in issues)


def test_without_a_champion_the_rules_score_and_every_score_says_so(
    business: Settings, tmp_path: Path, database: str
) -> None:
    settings = small(tmp_path, database, source=business.source_folder, business="young")
    result = run(settings, "daily_scoring")
    assert result.success
    rows = scores(settings)
    assert {(row["scored_by"], row["model_version"]) for row in rows} == {("rules", "rules")}
    assert {row["note"] for row in rows} == {"rules: no model has beaten the base rate yet"}
    assert all(row["reason_1_words"] for row in rows)


def test_a_champion_that_cannot_be_loaded_is_replaced_by_the_rules_and_an_alert(business: Settings) -> None:
    day = UNTIL + timedelta(days=2)
    (bundle,) = (path.parent for path in (business.home / "mlflow").rglob("bundle/manifest.json"))
    damaged = next(
        path
        for path in sorted(bundle.iterdir())
        if path.name.endswith((".json", ".txt", ".ubj")) and "manifest" not in path.name
    )
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        result = run(business, "rescore", day)
    finally:
        damaged.write_bytes(whole)
    assert result.success
    rows = [row for row in scores(business) if row["as_of"] == as_of(day)]
    assert rows
    assert {(row["scored_by"], row["note"]) for row in rows} == {("rules", "rules: no model could be loaded")}
    (error,) = [row for row in tables(business)["prediction_errors"] if row["as_of"] == as_of(day)]
    assert damaged.name in error["error"]
    check = {found.check_name: found for found in result.get_asset_check_evaluations()}["scored_by_a_model"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR


def test_a_damaged_champion_is_made_again_and_takes_over(business: Settings) -> None:
    (bundle,) = (path.parent for path in (business.home / "mlflow").rglob("bundle/manifest.json"))
    hidden = bundle.with_name("hidden")
    bundle.rename(hidden)
    try:
        assert run(business).success
    finally:
        hidden.rename(bundle)
    first, second = sorted(tables(business)["model_promotions"], key=lambda row: row["promotion_id"])
    assert (first["model_version"], second["model_version"]) == ("1", "2")
    assert second["verdict"].endswith("champion 1 cannot be loaded")
    rows = [row for row in scores(business) if row["as_of"] == as_of(UNTIL)]
    assert {(row["scored_by"], row["model_version"]) for row in rows} == {("champion", "2")}


def test_where_the_champion_is_damaged_the_one_before_scores_and_the_check_warns(business: Settings) -> None:
    day = UNTIL + timedelta(days=2)
    (bundle,) = (business.home / "mlflow").rglob(f"{ModelStore.of(business).version('2').run_id}/artifacts/bundle")
    (bundle / "golden.json").rename(bundle / "hidden")
    try:
        result = run(business, "rescore", day)
    finally:
        (bundle / "hidden").rename(bundle / "golden.json")
    assert result.success
    assert {(row["scored_by"], row["model_version"]) for row in scores(business) if row["as_of"] == as_of(day)} == {
        ("champion", "1")
    }
    (error,) = [row for row in tables(business)["prediction_errors"] if row["as_of"] == as_of(day)]
    assert (error["handled_by"], "golden.json is missing" in error["error"]) == ("previous_champion", True)
    check = {found.check_name: found for found in result.get_asset_check_evaluations()}["scored_by_a_model"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_now_is_after_the_business_ends() -> None:
    assert as_of(UNTIL) < NOW


def test_a_model_on_trial_scores_its_share_and_comes_off_at_the_next_scoring(business: Settings) -> None:
    """Through Dagster, on the days after all that was scored; its own rules and statistics are tested where they are."""
    warehouse, models = Warehouse.of(business), ModelStore.of(business)
    daily = (
        "snapshots",
        "labels",
        "rollout_verdicts",
        "rollout_plan",
        "canary",
        "scores",
        "rollout_scores",
        "rollout_arms",
    )
    shown = {}
    for number, decide in enumerate((put_on_trial, None, end_trial)):
        day = UNTIL + timedelta(days=3 + number)
        if decide is not None:
            share: dict[str, Any] = {"version": "1", "share": 0.3} if decide is put_on_trial else {}
            decide(
                **share, warehouse=warehouse, models=models, from_as_of=as_of(day), by="person", verdict="a test", decided_at=NOW,
                run_id="hand",
            )  # fmt: skip
        assert run(business, "daily_scoring", day, only=daily).success
        shown[number] = {row["trial_id"]: row["scored_by"] for row in scores(business) if row["as_of"] == as_of(day)}
    assert set(shown[0].values()) == set(shown[1].values()) == {"champion", "canary"}
    assert set(shown[2].values()) == {"champion"}
    assert all(shown[1][trial] == by for trial, by in shown[0].items() if trial in shown[1])
    found = tables(business)
    assert {row["decision"] for row in found["rollout_verdicts"]} == {"wait"}
    assert {row["as_of"] for row in found["rollout_scores"]} == {as_of(UNTIL + timedelta(days=n)) for n in (3, 4)}
    assert [row["arm"] for row in found["rollout_arms"]] == ["canary", "champion"] * 2

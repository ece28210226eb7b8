from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_pipeline.adapters import frames
from churn_pipeline.adapters.bundle import Bundle, BundleError
from churn_pipeline.adapters.lake import LakeError
from churn_pipeline.adapters.ledger import promote, put_on_trial
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring import day as scoring
from churn_pipeline.capabilities.scoring.both import both_say
from churn_pipeline.capabilities.scoring.day import Day, score_day, write_day
from churn_pipeline.capabilities.scoring.plan import plan_actions
from churn_pipeline.capabilities.scoring.report import by_the_champion, who_scored
from churn_pipeline.capabilities.scoring.score import InProduction, Stamp, score
from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.core.arms import of_canary
from churn_pipeline.core.log_odds import log_odds
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import FIRST, NOW, SECOND, Shop

pytestmark = pytest.mark.flow

STAMP = Stamp("run-1", NOW, "f1")


def crown(shop: Shop, warehouse: Warehouse, version: str = "1", from_as_of: datetime = FIRST) -> None:
    promote(
        version, warehouse=warehouse, models=shop.models, from_as_of=from_as_of, by="gate", verdict="better",
        decided_at=NOW, run_id="r",
    )  # fmt: skip


def scored(shop: Shop, warehouse: Warehouse) -> Day:
    return score_day(shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings, stamp=STAMP)


def written(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    return list(warehouse.read(f"select * from {table}").to_pylist())


def test_every_running_trial_is_scored_by_the_champion_and_its_reasons_add_up(shop: Shop, warehouse: Warehouse) -> None:
    crown(shop, warehouse)
    day = scored(shop, warehouse)
    snapshots = shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist()
    assert day.scores["trial_id"].to_pylist() == snapshots
    assert len(snapshots) > 10
    assert day.errors.num_rows == 0
    for row in day.scores.to_pylist():
        assert (row["scored_by"], row["model_version"]) == ("champion", "1")
        pushes = sum(row[f"reason_{place}_push"] for place in range(1, 6))
        total = row["base_log_odds"] + pushes + row["other_log_odds"]
        assert total == pytest.approx(float(log_odds(row["conversion_probability"])), abs=1e-6)


def test_who_withdrew_consent_is_not_scored(shop: Shop, warehouse: Warehouse) -> None:
    refused = {row["trial_id"] for row in shop.world.trials.to_pylist() if row["consent_profiling"] is False}
    assert refused, "the demo business has some"
    assert not refused & set(scored(shop, warehouse).scores["trial_id"].to_pylist())


def test_changes_are_against_what_was_shown_one_and_seven_days_before(shop: Shop, warehouse: Warehouse) -> None:
    trial = scored(shop, warehouse).scores["trial_id"][0].as_py()
    for days, probability in ((1, 0.25), (7, 0.75)):
        before = SECOND - timedelta(days=days)
        row = {"trial_id": trial, "as_of": before, "conversion_probability": probability}
        warehouse.replace(SCORES, rows(SCORES, row), where={"as_of": before})
    first, second, *_ = scored(shop, warehouse).scores.to_pylist()
    assert first["change_1d"] == pytest.approx(first["conversion_probability"] - 0.25)
    assert first["change_7d"] == pytest.approx(first["conversion_probability"] - 0.75)
    assert (second["change_1d"], second["change_7d"]) == (None, None)


def test_a_model_that_cannot_be_loaded_does_not_stop_the_day_and_the_error_is_written(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    (path,) = {p for p in shop.models.folder.rglob("bundle/logistic.json") if shop.models.version("1").run_id in str(p)}
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    try:
        write_day(scored(shop, warehouse), warehouse, as_of=SECOND)
    finally:
        path.write_bytes(whole)
    assert {(r["scored_by"], r["note"]) for r in written(warehouse, "scores")} == {
        ("rules", "rules: no model could be loaded")
    }
    (error,) = written(warehouse, "prediction_errors")
    assert "logistic.json was changed" in error["error"]
    assert (error["subject"], error["handled_by"], error["happened_at"]) == ("all trials", "rules", NOW)

    write_day(scored(shop, warehouse), warehouse, as_of=SECOND)
    assert written(warehouse, "prediction_errors") == []
    assert {row["scored_by"] for row in written(warehouse, "scores")} == {"champion"}


def test_where_the_champion_is_damaged_the_one_before_scores_and_the_error_says_who_did(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse)
    crown(shop, warehouse, "2", SECOND)
    (path,) = {p for p in shop.models.folder.rglob("bundle/scorer.json") if shop.models.version("2").run_id in str(p)}
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        write_day(scored(shop, warehouse), warehouse, as_of=SECOND)
    finally:
        path.write_bytes(whole)
    assert {(r["scored_by"], r["model_version"], r["note"]) for r in written(warehouse, "scores")} == {
        ("champion", "1", "few conversions yet; champion before model 2, which could not be loaded")
    }
    (error,) = written(warehouse, "prediction_errors")
    assert error["error"].startswith("model 2 could not be loaded: ")
    assert "scorer.json was changed" in error["error"]
    assert error["handled_by"] == "previous_champion"


@pytest.mark.parametrize("share", [None, 0.4])
def test_blocks_of_any_number_of_trials_give_the_same_scores_reasons_and_actions(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, share: float | None
) -> None:
    crown(shop, warehouse)
    running = shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist()
    for days in (1, 7):
        before = SECOND - timedelta(days=days)
        told = [{"trial_id": t, "conversion_probability": n / len(running)} for n, t in enumerate(running[::days])]
        warehouse.replace(SCORES, rows(SCORES, *told, as_of=before), where={"as_of": before})
    if share:
        try_out(shop, warehouse, share=share)
    width = sum(feature.width for feature in shop.models.load("1").scorer.schema.features)
    found, blocks = [], []
    for values in (1, 7 * width, len(running) * width):
        monkeypatch.setattr(frames, "VALUES_A_BLOCK", values)
        day = scored(shop, warehouse)
        blocks.append(day.scores.filter(pc.equal(day.scores["scored_by"], "champion"))["trial_id"].num_chunks)
        said = both_say(shop.lake, warehouse, shop.models, as_of=SECOND, run_id="r")
        found.append((day.scores, said, plan_actions(day.scores)))
    one, seven, every = found
    assert blocks[0] > blocks[1] > blocks[2] == 1
    for other in (one, seven):
        assert all(mine.equals(theirs) for mine, theirs in zip(other, every, strict=True))
    assert every[0]["change_7d"].null_count < every[0].num_rows
    assert every[1].num_rows == (len(running) if share else 0)


def lacking(monkeypatch: pytest.MonkeyPatch, *versions: str) -> None:
    """Let these models have a feature of a user's own that no snapshot has."""
    load = ModelStore.load

    def loaded(models: ModelStore, version: str) -> Bundle:
        bundle = load(models, version)
        if version not in versions:
            return bundle
        features = (*bundle.scorer.schema.features, ModelFeature("luck", "number"))
        schema = replace(bundle.scorer.schema, features=features)
        return replace(bundle, scorer=replace(bundle.scorer, schema=schema))

    monkeypatch.setattr(ModelStore, "load", loaded)


def test_where_the_champion_lacks_a_column_the_one_before_scores_and_says_so(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    crown(shop, warehouse, "2", SECOND)
    lacking(monkeypatch, "2")
    day = scored(shop, warehouse)
    write_day(day, warehouse, as_of=SECOND)
    assert {(r["scored_by"], r["model_version"], r["note"]) for r in written(warehouse, "scores")} == {
        ("champion", "1", "few conversions yet; champion before model 2, which could not score this day")
    }
    (error,) = written(warehouse, "prediction_errors")
    assert error["error"].startswith("model 2 could not score: features that no snapshot has: luck")
    assert (error["subject"], error["handled_by"]) == ("all trials", "previous_champion")
    assert not by_the_champion(day)
    assert who_scored(day) == error["error"]


def test_where_neither_the_champion_nor_the_one_before_can_score_the_rules_do_and_both_are_named(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    crown(shop, warehouse, "2", SECOND)
    lacking(monkeypatch, "1", "2")
    day = scored(shop, warehouse)
    assert {(r["scored_by"], r["note"]) for r in day.scores.to_pylist()} == {
        ("rules", "rules: no model could score this day")
    }
    (error,) = day.errors.to_pylist()
    assert error["handled_by"] == "rules"
    assert 0 == error["error"].index("model 2 could not score: ") < error["error"].index("model 1 could not score: ")


def test_a_model_that_fails_at_the_last_block_scores_no_trial_of_the_day(
    shop: Shop, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    copied = replace(shop, lake=replace(shop.lake, root=tmp_path / "lake"))
    copytree(shop.lake.root, copied.lake.root)
    used = shop.models.load("1").scorer.schema.features
    wild = next(f.name for f in used if f.kind == "number" and f.name.endswith("_total") and f.name != "users_total")
    running = shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist()
    last = f"case when trial_id = '{running[-1]}' then 'infinity'::double else {wild}::double end"
    with copied.lake.engine.connection() as connection:
        query = f"select * replace ({last} as {wild}) from ({shop.lake.rows('snapshots', SECOND)})"
        copied.lake.write(connection, "snapshots", SECOND, query)
    monkeypatch.setattr(frames, "VALUES_A_BLOCK", 7 * len(used))
    day = scored(copied, warehouse)
    assert day.scores["trial_id"].to_pylist() == running
    assert set(day.scores["scored_by"].to_pylist()) == {"rules"}
    assert f"column {wild} has 1 infinite or too large numbers" in day.errors["error"].to_pylist()[0]


def test_scoring_a_day_again_replaces_it(shop: Shop, warehouse: Warehouse) -> None:
    for _ in range(2):
        write_day(scored(shop, warehouse), warehouse, as_of=SECOND)
    assert len(written(warehouse, "scores")) == shop.lake.read("snapshots", SECOND).num_rows


def test_a_day_without_snapshots_is_an_error(shop: Shop, warehouse: Warehouse) -> None:
    with pytest.raises(LakeError, match="2026-10-02"):
        score_day(
            shop.lake, warehouse, shop.models, as_of=SECOND + timedelta(days=1), settings=shop.settings, stamp=STAMP
        )


def try_out(
    shop: Shop, warehouse: Warehouse, version: str = "2", share: float = 0.4, decided_at: datetime = NOW
) -> None:
    put_on_trial(
        version, share=share, warehouse=warehouse, models=shop.models, from_as_of=SECOND, by="person", verdict="why not",
        decided_at=decided_at, run_id="r",
    )  # fmt: skip


def test_a_canary_scores_its_share_of_the_trials_and_every_trial_is_scored_once(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse)
    alone = {row["trial_id"]: row for row in scored(shop, warehouse).scores.to_pylist()}
    try_out(shop, warehouse)
    day = scored(shop, warehouse)
    rows = {row["trial_id"]: row for row in day.scores.to_pylist()}
    assert rows.keys() == alone.keys()
    assert day.scores.num_rows == len(rows)
    theirs = {trial for trial, row in rows.items() if row["scored_by"] == "canary"}
    assert theirs == set(np.array(list(rows))[of_canary(list(rows), canary="2", share=0.4)])
    assert 0 < len(theirs) < len(rows)
    assert {rows[trial]["model_version"] for trial in theirs} == {"2"}
    assert all(rows[trial] == alone[trial] for trial in rows.keys() - theirs)
    assert day.errors.num_rows == 0


def test_where_the_canary_cannot_score_the_champion_scores_its_trials_and_why_is_kept(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    try_out(shop, warehouse)
    load = ModelStore.load

    def damaged(models: ModelStore, version: str) -> Bundle:
        if version == "2":
            raise BundleError("one byte is another")
        return load(models, version)

    def without_its_file(models: ModelStore, version: str) -> Bundle:
        bundle = load(models, version)
        if version == "1":
            return bundle
        schema = replace(
            bundle.scorer.schema, features=(*bundle.scorer.schema.features, ModelFeature("own_luck", "number"))
        )
        return replace(bundle, scorer=replace(bundle.scorer, schema=schema))

    for fault, words in ((damaged, "could not be loaded: one byte"), (without_its_file, "could not score: ")):
        monkeypatch.setattr(ModelStore, "load", fault)
        day = scored(shop, warehouse)
        assert set(day.scores["model_version"].to_pylist()) == {"1"}
        (error,) = day.errors.to_pylist()
        assert (error["subject"], error["handled_by"]) == ("canary", "champion")
        assert error["error"].startswith(f"model 2 {words}")
        assert both_say(shop.lake, warehouse, shop.models, as_of=SECOND, run_id="r").num_rows == 0


def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that are loaded from now on, in order."""
    seen: list[str] = []
    load = ModelStore.load

    def counted(models: ModelStore, version: str) -> Bundle:
        seen.append(version)
        return load(models, version)

    monkeypatch.setattr(ModelStore, "load", counted)
    return seen


def test_what_a_canary_scored_before_the_champion_failed_is_thrown_away_and_every_trial_is_scored_once(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    try_out(shop, warehouse)
    lacking(monkeypatch, "1")
    loaded = loads(monkeypatch)
    turns: list[str] = []

    def seen(frame: pd.DataFrame, by: InProduction, **rest: Any) -> pa.Table:
        turns.append(by.scored_by)
        return score(frame, by, **rest)

    monkeypatch.setattr(scoring, "score", seen)
    day = scored(shop, warehouse)
    assert turns == ["canary", "canary", "rules"]
    assert sorted(loaded) == ["1", "2"]
    trials = day.scores["trial_id"].to_pylist()
    assert sorted(trials) == sorted(shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist())
    by_canary = day.who.of_canary(trials)
    assert 0 < by_canary.sum() < len(trials)
    assert day.scores["scored_by"].to_pylist() == np.where(by_canary, "canary", "rules").tolist()
    (error,) = day.errors.to_pylist()
    assert (error["subject"], error["handled_by"]) == ("all trials", "rules")
    assert not list(shop.lake.engine.spill.iterdir())


def test_a_canary_that_was_champion_before_steps_in_for_the_champion_and_keeps_its_share(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    crown(shop, warehouse, "2", SECOND)
    try_out(shop, warehouse, "1", decided_at=NOW + timedelta(hours=1))
    lacking(monkeypatch, "2")
    loaded = loads(monkeypatch)
    day = scored(shop, warehouse)
    assert sorted(loaded) == ["1", "2"]
    trials = day.scores["trial_id"].to_pylist()
    assert sorted(trials) == sorted(shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist())
    assert set(day.scores["model_version"].to_pylist()) == {"1"}
    by_canary = day.who.of_canary(trials)
    assert 0 < by_canary.sum() < len(trials)
    assert day.scores["scored_by"].to_pylist() == np.where(by_canary, "canary", "champion").tolist()
    (error,) = day.errors.to_pylist()
    assert (error["subject"], error["handled_by"]) == ("all trials", "previous_champion")


def test_a_canary_that_was_champion_before_and_fails_like_the_champion_leaves_the_day_to_the_rules(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse)
    crown(shop, warehouse, "2", SECOND)
    try_out(shop, warehouse, "1", decided_at=NOW + timedelta(hours=1))
    lacking(monkeypatch, "1", "2")
    day = scored(shop, warehouse)
    assert set(day.scores["scored_by"].to_pylist()) == {"rules"}
    assert day.scores["trial_id"].to_pylist() == shop.lake.read("snapshots", SECOND)["trial_id"].to_pylist()
    assert {(e["subject"], e["error"][:8], e["handled_by"]) for e in day.errors.to_pylist()} == {
        ("all trials", "model 2 ", "rules"),
        ("canary", "model 1 ", "rules"),
    }

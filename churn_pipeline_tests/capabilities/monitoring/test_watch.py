from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.monitoring import watch
from churn_pipeline.contracts.analytics import SCORE_OUTCOMES, SCORES
from churn_pipeline.contracts.production import MODEL_PROMOTIONS
from churn_pipeline_tests.copies import execute
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import FIRST, SECOND, Shop

pytestmark = pytest.mark.flow


def shown(warehouse: Warehouse, shop: Shop, day_offset: int = 0, by: str = "champion", version: str = "1") -> list[str]:
    """Put scores of the trials that run at the second day among the tables; gives their ids."""
    day = SECOND - timedelta(days=day_offset)
    looked = shop.lake.read("snapshots", SECOND, select="trial_id, trial_day").to_pylist()
    given = [
        {**row, "trial_day": int(row["trial_day"]), "conversion_probability": 0.2 + 0.6 * (n % 2)}
        for n, row in enumerate(looked)
    ]
    warehouse.replace(
        SCORES, rows(SCORES, *given, as_of=day, scored_by=by, model_version=version), where={"as_of": day}
    )
    return [row["trial_id"] for row in looked]


def matured(warehouse: Warehouse, shop: Shop, count: int = 40, since: datetime = FIRST) -> list[str]:
    """Put scores given on the first day, of trials that are mature by the second, among the tables.

    The model that gave them is champion from day `since` on.
    """
    labels = shop.lake.read("labels", SECOND).to_pylist()
    before = set(shop.lake.read("labels", FIRST)["trial_id"].to_pylist())
    fresh = [row for row in labels if row["trial_id"] not in before][:count]
    given = [{"trial_id": row["trial_id"], "conversion_probability": 0.9 if row["converted"] else 0.1} for row in fresh]
    warehouse.replace(
        SCORES, rows(SCORES, *given, as_of=FIRST, scored_by="champion", model_version="1"), where={"as_of": FIRST}
    )
    entry = {"promotion_id": "1", "role": "champion", "model_version": "1", "from_as_of": since}
    warehouse.append(MODEL_PROMOTIONS, rows(MODEL_PROMOTIONS, entry))
    return [row["trial_id"] for row in fresh]


def test_scores_get_their_outcome_once_on_the_day_on_which_they_are_mature(shop: Shop, warehouse: Warehouse) -> None:
    trials = matured(warehouse, shop)
    assert len(trials) == 40
    assert watch.write_outcomes(shop.lake, warehouse, as_of=FIRST) == 0
    assert watch.write_outcomes(shop.lake, warehouse, as_of=SECOND) == 40
    assert watch.write_outcomes(shop.lake, warehouse, as_of=SECOND) == 0
    found = warehouse.read("select * from score_outcomes").to_pylist()
    truth = {row["trial_id"]: row["converted"] for row in shop.lake.read("labels", SECOND).to_pylist()}
    assert {row["trial_id"]: row["converted"] for row in found} == {trial: truth[trial] for trial in trials}
    assert all(row["matured_at"] <= SECOND for row in found)


def test_a_day_scored_anew_loses_the_outcome_of_its_old_scores(shop: Shop, warehouse: Warehouse) -> None:
    stale = rows(SCORE_OUTCOMES, {"trial_id": "t"}, as_of=SECOND, scored_by="champion", model_version="1")
    warehouse.replace(SCORE_OUTCOMES, stale, where={"as_of": SECOND})
    watch.write_outcomes(shop.lake, warehouse, as_of=SECOND)
    assert warehouse.read("select * from score_outcomes").num_rows == 0


def test_performance_is_judged_on_what_matured_in_the_window_and_written_once(shop: Shop, warehouse: Warehouse) -> None:
    matured(warehouse, shop)
    watch.write_outcomes(shop.lake, warehouse, as_of=SECOND)
    settings = shop.settings.model_copy(update={"performance_window_days": 60})
    for _ in range(2):
        (judged,) = watch.write_performance(warehouse, as_of=SECOND, settings=settings, run_id="r")
    assert (judged.trials, judged.model_version) == (40, "1")
    assert judged.auc is not None
    assert judged.auc.mid == 1
    (row,) = warehouse.read("select * from model_performance").to_pylist()
    assert (row["verdict"], row["degraded"], row["window_days"]) == (str(judged), False, 60)


def test_outcomes_before_the_window_are_not_judged_again(shop: Shop, warehouse: Warehouse) -> None:
    matured(warehouse, shop)
    watch.write_outcomes(shop.lake, warehouse, as_of=SECOND)
    later = SECOND + timedelta(days=shop.settings.performance_window_days)
    assert watch.write_performance(warehouse, as_of=later, settings=shop.settings, run_id="r") == ()


def test_drift_compares_the_last_days_with_what_the_days_champion_was_trained_on(
    shop: Shop, warehouse: Warehouse
) -> None:
    shown(warehouse, shop)
    drawn = shop.settings.model_copy(update={"reports": True})
    watched = watch.watch_drift(shop.lake, warehouse, shop.models, as_of=SECOND, settings=drawn)
    assert watched.model_version == "1"
    assert watched.drift is not None
    assert {shift.feature for shift in watched.drift.shifts} == {
        *shop.models.load("1").scorer.schema.names, "conversion_probability",
    }  # fmt: skip
    assert watched.report == shop.settings.home / "reports" / "drift-2026-10-01.html"
    assert watched.report.stat().st_size > 10_000
    for _ in range(2):
        watch.write_drift(watched, warehouse, as_of=SECOND, run_id="r")
    found = warehouse.read("select * from drift").to_pylist()
    assert len(found) == len(watched.drift.shifts)
    assert {row["model_version"] for row in found} == {"1"}


def test_where_the_rules_scored_there_is_nothing_to_compare_and_old_rows_of_the_day_go(
    shop: Shop, warehouse: Warehouse
) -> None:
    shown(warehouse, shop)
    watched = watch.watch_drift(shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
    watch.write_drift(watched, warehouse, as_of=SECOND, run_id="r")
    shown(warehouse, shop, by="rules", version="rules")
    drawn = shop.settings.model_copy(update={"reports": True})
    watched = watch.watch_drift(shop.lake, warehouse, shop.models, as_of=SECOND, settings=drawn)
    assert (watched.model_version, watched.drift, watched.report) == (None, None, None)
    assert watched.because.startswith("no model scored this day")
    watch.write_drift(watched, warehouse, as_of=SECOND, run_id="r")
    assert warehouse.read("select * from drift").num_rows == 0


def test_a_scored_day_whose_snapshots_are_gone_is_left_out(shop: Shop, warehouse: Warehouse) -> None:
    shown(warehouse, shop)
    shown(warehouse, shop, day_offset=1)
    watched = watch.watch_drift(shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
    assert watched.drift is not None
    assert watched.left_out == 1
    features = [shift for shift in watched.drift.shifts if shift.feature == "active_days"]
    assert all(len(s.columns.current) <= shop.lake.read("snapshots", SECOND).num_rows for s in features)


def test_scores_given_in_hindsight_are_no_record_of_the_champion(shop: Shop, warehouse: Warehouse) -> None:
    matured(warehouse, shop, since=SECOND)
    assert watch.write_outcomes(shop.lake, warehouse, as_of=SECOND) == 0
    scores = warehouse.read("select * from scores")
    by_rules = scores.set_column(scores.column_names.index("scored_by"), "scored_by", [["rules"] * scores.num_rows])
    warehouse.replace(SCORES, by_rules, where={"as_of": FIRST})
    assert watch.write_outcomes(shop.lake, warehouse, as_of=SECOND) == 40


def test_an_outcome_follows_a_label_that_changed(shop: Shop, warehouse: Warehouse) -> None:
    first, *_ = matured(warehouse, shop)
    watch.write_outcomes(shop.lake, warehouse, as_of=SECOND)
    right = warehouse.read("select * from score_outcomes order by trial_id").to_pylist()
    execute(warehouse.url, f"update analytics.score_outcomes set converted = not converted where trial_id = '{first}'")
    assert watch.write_outcomes(shop.lake, warehouse, as_of=SECOND) == 1
    assert warehouse.read("select * from score_outcomes order by trial_id").to_pylist() == right


def test_an_outcome_goes_with_a_label_that_is_gone(shop: Shop, warehouse: Warehouse, tmp_path: Path) -> None:
    first, *others = matured(warehouse, shop)
    watch.write_outcomes(shop.lake, warehouse, as_of=SECOND)
    lake = Lake(tmp_path, shop.lake.engine)
    with lake.engine.connection() as connection:
        kept = f"select * from ({shop.lake.rows('labels', SECOND)}) where trial_id <> '{first}'"
        lake.write(connection, "labels", SECOND, kept)
    assert watch.write_outcomes(lake, warehouse, as_of=SECOND) == 0
    left = warehouse.read("select distinct trial_id from score_outcomes order by 1")["trial_id"].to_pylist()
    assert first not in left
    assert set(left) == set(others)


def test_days_written_before_a_feature_was_declared_are_left_out(
    shop: Shop, warehouse: Warehouse, tmp_path: Path
) -> None:
    shown(warehouse, shop)
    shown(warehouse, shop, day_offset=1)
    lake = Lake(tmp_path, shop.lake.engine)
    with lake.engine.connection() as connection:
        for dataset, day in (("training_set", FIRST), ("snapshots", SECOND)):
            lake.write(connection, dataset, day, shop.lake.rows(dataset, day))
        older = f"select * exclude (active_days) from ({shop.lake.rows('snapshots', SECOND)})"
        lake.write(connection, "snapshots", SECOND - timedelta(days=1), older)
        watched = watch.watch_drift(lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
        assert (watched.left_out, watched.drift is None) == (1, False)
        lake.write(connection, "snapshots", SECOND, older)
    watched = watch.watch_drift(lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
    assert (watched.drift, watched.because) == (None, "no snapshots of the last days have the features of model 1")


def test_without_the_training_set_there_is_no_drift_and_it_says_why(
    shop: Shop, warehouse: Warehouse, tmp_path: Path
) -> None:
    shown(warehouse, shop)
    lake = Lake(tmp_path, shop.lake.engine)
    watched = watch.watch_drift(lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
    assert (watched.drift, watched.because) == (None, "the training set of model 1 (2026-09-01) is gone")
    with lake.engine.connection() as connection:
        lake.write(
            connection,
            "training_set",
            FIRST,
            f"select * exclude (active_days) from ({shop.lake.rows('training_set', FIRST)})",
        )
    older = watch.watch_drift(lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings)
    assert older.because == "the training set of model 1 (2026-09-01) does not have active_days"
    watch.write_drift(watched, warehouse, as_of=SECOND, run_id="r")

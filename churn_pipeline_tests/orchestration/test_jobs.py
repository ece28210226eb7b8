from __future__ import annotations

import pytest
import yaml

from churn_pipeline.definitions import build
from churn_pipeline.orchestration.jobs import JOBS
from churn_pipeline.orchestration.writers import TAG
from churn_pipeline.settings import PROJECT, Settings

pytestmark = pytest.mark.flow

DEFS = build(Settings())


def assets(job: str) -> set[str]:
    """The assets that a job makes."""
    return {key.to_user_string() for key in DEFS.resolve_job_def(job).asset_layer.executable_asset_keys}


def checks(job: str) -> set[str]:
    layer = DEFS.resolve_job_def(job).asset_layer
    return {f"{key.asset_key.to_user_string()}.{key.name}" for key in layer.asset_graph.asset_check_keys}


def test_everything_makes_every_asset_but_what_people_do_to_the_quarantine() -> None:
    every = {key.to_user_string() for spec in DEFS.resolve_all_asset_specs() for key in [spec.key]}
    assert assets("everything") == every - {"repaired_rows", "replayed_rows", "dismissed_issues"}


def test_a_replay_lands_repaired_rows_after_a_check_and_touches_nothing_else() -> None:
    assert assets("replay") == {"repaired_rows", "replayed_rows", "data_quality_resolutions"}
    assert checks("replay") >= {"repaired_rows.fit_to_be_replayed"}


def test_a_dismissal_closes_issues_and_touches_nothing_else() -> None:
    assert assets("dismiss") == {"dismissed_issues", "data_quality_resolutions"}


def test_the_daily_job_scores_and_watches_and_trains_nothing() -> None:
    daily = assets("daily_scoring")
    assert {"raw_events", "events", "snapshots", "scores", "actions", "score_outcomes", "drift"} <= daily
    assert not {"challenger", "champion", "training_set", "promotion_plan"} & daily


def test_a_retrain_decides_and_leaves_the_scores_alone() -> None:
    retrain = assets("retrain")
    assert {"raw_events", "training_set", "challenger", "model_verdicts", "promotion_plan", "champion"} <= retrain
    assert not {"scores", "actions", "score_outcomes"} & retrain


def test_a_past_day_is_scored_again_from_the_lake_alone() -> None:
    rescore = assets("rescore")
    assert {"snapshots", "labels", "scores", "actions"} <= rescore
    assert not any(name.startswith("raw_") or name in {"demo_source", "events", "champion"} for name in rescore)


def test_whoever_reads_records_checks_them_and_whoever_promotes_checks_the_plan() -> None:
    fit = {f"raw_{table}.fit_to_be_used" for table in ("trials", "events", "subscriptions")}
    fit |= {"data_expectations.as_expected"}
    assert fit <= checks("everything") & checks("daily_scoring") & checks("retrain")
    assert "promotion_plan.planned_model_is_whole" in checks("everything") & checks("retrain")


def test_of_all_jobs_one_runs_at_a_time() -> None:
    instance = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    limited = {limit["key"]: limit["limit"] for limit in instance["concurrency"]["runs"]["tag_concurrency_limits"]}
    assert limited[TAG] == 1
    assert [job.name for job in JOBS if TAG not in DEFS.resolve_job_def(job.name).tags] == []

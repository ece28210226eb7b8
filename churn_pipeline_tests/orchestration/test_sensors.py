from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.analytics import DRIFT, MODEL_PERFORMANCE, PREDICTION_ERRORS, SCORES
from churn_pipeline.contracts.production import MODEL_PROMOTIONS
from churn_pipeline.definitions import build
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.sensors import RETRAINING, UNDER_WAY, degradation, read_signs
from churn_pipeline.orchestration.writers import TAG
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import DAY, rows

pytestmark = pytest.mark.flow


class At(Clock):
    """A clock that stands so many days from now: Dagster dates its runs by the real one."""

    def __init__(self, days: float) -> None:
        self.days = days

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(warehouse: Warehouse, instance: dg.DagsterInstance, *, days: float = 0) -> Any:
    """What the sensor says, so many days from now."""
    settings = Settings(retrain_cooldown_days=7, drift_share=0.3)
    context = dg.build_sensor_context(
        instance=instance,
        repository_def=build(settings).get_repository_def(),
        resources={"tables": warehouse, "settings": settings, "clock": At(days)},
    )
    return degradation.evaluate_tick(context)


def champion(warehouse: Warehouse, version: str, *, since: datetime = DAY, decided: datetime = DAY) -> None:
    entry = {"promotion_id": f"{version}-{since}-{decided}", "model_version": version, "role": "champion"}
    warehouse.append(MODEL_PROMOTIONS, rows(MODEL_PROMOTIONS, entry, from_as_of=since, decided_at=decided))


def performance(warehouse: Warehouse, version: str, *, degraded: bool, as_of: datetime = DAY) -> None:
    row = {"scored_by": "champion", "model_version": version, "degraded": degraded, "window_days": 28, "as_of": as_of}
    verdict = "degraded: AUC 0.5" if degraded else "held: AUC 0.8"
    warehouse.append(MODEL_PERFORMANCE, rows(MODEL_PERFORMANCE, row, verdict=verdict))


def drift(warehouse: Warehouse, version: str, *flags: bool, as_of: datetime = DAY) -> None:
    features = [{"feature": f"f{n}", "drifted": flag} for n, flag in enumerate(flags)]
    score = {"feature": "conversion_probability", "drifted": True}
    warehouse.append(DRIFT, rows(DRIFT, *features, score, as_of=as_of, model_version=version))


def stepped_in(
    warehouse: Warehouse, why: str, *, as_of: datetime = DAY, at: datetime = DAY, subject: str = "all trials"
) -> None:
    """Let model 1 have scored a day in the place of the champion, as the tables say it then."""
    warehouse.append(SCORES, rows(SCORES, as_of=as_of, scored_by="champion", model_version="1"))
    error = {"subject": subject, "error": why, "handled_by": "previous_champion"}
    warehouse.append(PREDICTION_ERRORS, rows(PREDICTION_ERRORS, error, as_of=as_of, happened_at=at))


def test_nothing_monitored_is_no_reason_to_retrain(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    assert read_signs(warehouse, window_days=28) is None
    assert "nothing has been monitored yet" in tick(warehouse, instance).skip_message
    champion(warehouse, "1")
    assert "nothing has been monitored yet" in tick(warehouse, instance).skip_message


def test_a_degraded_champion_is_retrained_on_the_day_of_the_finding_and_says_why(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    (request,) = tick(warehouse, instance).run_requests
    assert (request.partition_key, request.run_key) == ("2024-05-02", "retrain-1-2024-05-02")
    assert "degraded: AUC 0.5" in request.tags["churn/because"]
    (again,) = tick(warehouse, instance).run_requests
    assert again.run_key == request.run_key, "the daemon launches one run a key"


def test_a_champion_that_holds_is_left_alone_however_bad_an_older_model_was(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    champion(warehouse, "2", since=DAY + timedelta(days=1))
    performance(warehouse, "2", degraded=False, as_of=DAY + timedelta(days=2))
    assert "model 2 holds (held: AUC 0.8)" in tick(warehouse, instance).skip_message


def test_the_newest_day_counts(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    performance(warehouse, "1", degraded=False, as_of=DAY + timedelta(days=1))
    assert tick(warehouse, instance).run_requests == []


def test_an_old_verdict_is_none_of_a_day_on_which_nothing_matured(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    drift(warehouse, "1", False, as_of=DAY + timedelta(days=30))
    told = tick(warehouse, instance).skip_message
    assert "as of 2024-06-01 model 1 holds (none of its scores matured in the 28 days before) and 0%" in told


def test_old_drift_is_none_of_a_day_on_which_nothing_was_measured(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    drift(warehouse, "1", True, True)
    performance(warehouse, "1", degraded=False, as_of=DAY + timedelta(days=30))
    assert "0% of its features drifted" in tick(warehouse, instance).skip_message


def test_enough_drifted_features_ask_for_a_retrain_and_the_score_is_no_feature(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    drift(warehouse, "1", True, False, False, False)
    assert "25% of its features drifted" in tick(warehouse, instance).skip_message
    drift(warehouse, "1", True, True, False, False, as_of=DAY + timedelta(days=1))
    (request,) = tick(warehouse, instance).run_requests
    assert request.run_key == "retrain-1-2024-05-03"
    assert "50% of the features drifted" in request.tags["churn/because"]


def test_a_champion_in_whose_place_another_scores_is_retrained_though_that_one_holds(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "2")
    performance(warehouse, "1", degraded=False)
    drift(warehouse, "1", False, False)
    stepped_in(warehouse, "model 2 could not score: no column luck\n  do: bring it back")
    (request,) = tick(warehouse, instance).run_requests
    assert request.run_key == "retrain-2-2024-05-02"
    assert request.tags["churn/because"] == (
        "as of 2024-05-02, model 2: another scored in its place (model 2 could not score: no column luck)"
    )
    create_run_for_test(instance, job_name="retrain", status=dg.DagsterRunStatus.FAILURE)
    assert "another scored in its place" in tick(warehouse, instance, days=6.9).skip_message
    assert len(tick(warehouse, instance, days=7.1).run_requests) == 1


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("canary", "model 3 could not score: x"),
        ("all trials", "model 2 could not be loaded: ... cannot be read now: x"),
    ],
)
def test_a_canary_that_fails_or_storage_that_does_not_answer_asks_for_no_retrain(
    warehouse: Warehouse, instance: dg.DagsterInstance, subject: str, why: str
) -> None:
    champion(warehouse, "2")
    stepped_in(warehouse, why, subject=subject)
    assert "nothing has been monitored yet" in tick(warehouse, instance).skip_message


def test_that_another_scored_is_over_with_a_new_champion_and_with_a_newer_day(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "2")
    stepped_in(warehouse, "model 2 could not score: x")
    champion(warehouse, "3", decided=DAY + timedelta(hours=1))
    assert "nothing has been monitored yet" in tick(warehouse, instance).skip_message
    stepped_in(warehouse, "model 3 could not score: x", as_of=DAY + timedelta(days=1), at=DAY + timedelta(days=1))
    assert len(tick(warehouse, instance).run_requests) == 1
    warehouse.append(SCORES, rows(SCORES, as_of=DAY + timedelta(days=2), scored_by="champion", model_version="3"))
    performance(warehouse, "3", degraded=False, as_of=DAY + timedelta(days=2))
    assert "model 3 holds (held: AUC 0.8)" in tick(warehouse, instance).skip_message


def test_drift_measured_against_an_older_champion_is_not_held_against_the_new_one(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    champion(warehouse, "1")
    drift(warehouse, "1", True, True)
    champion(warehouse, "2", since=DAY + timedelta(days=1))
    assert "nothing has been monitored yet" in tick(warehouse, instance).skip_message


@pytest.mark.parametrize("job", RETRAINING)
@pytest.mark.parametrize("status", [status for status in UNDER_WAY if status is not dg.DagsterRunStatus.QUEUED])
def test_while_a_retrain_is_under_way_no_other_is_asked_for(
    warehouse: Warehouse, instance: dg.DagsterInstance, status: dg.DagsterRunStatus, job: str
) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    create_run_for_test(instance, job_name=job, status=status, tags={TAG: "day"})
    assert tick(warehouse, instance, days=30).skip_message == "a retrain is under way"


@pytest.mark.parametrize("job", RETRAINING)
def test_after_a_retrain_that_failed_as_well_there_is_a_cool_down(
    warehouse: Warehouse, instance: dg.DagsterInstance, job: str
) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    create_run_for_test(instance, job_name=job, status=dg.DagsterRunStatus.FAILURE)
    assert "none is asked for again before" in tick(warehouse, instance, days=6.9).skip_message
    assert len(tick(warehouse, instance, days=7.1).run_requests) == 1


def test_other_jobs_cool_nothing_down(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    champion(warehouse, "1")
    performance(warehouse, "1", degraded=True)
    create_run_for_test(instance, job_name="daily_scoring", status=dg.DagsterRunStatus.STARTED)
    assert len(tick(warehouse, instance).run_requests) == 1

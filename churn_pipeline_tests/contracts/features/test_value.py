from __future__ import annotations

from datetime import timedelta

from churn_pipeline.contracts.features.value import LEARNT, REACHED
from churn_pipeline_tests.looks import MIDNIGHT, START, event, features


def test_each_step_is_known_with_the_hours_to_its_first_time() -> None:
    found = features(
        [event(0.5), event(2), event(3, feature="reports"), event(9.9, received_at=MIDNIGHT + timedelta(days=12))]
    )
    assert dict(found["reached_steps"]) == {"login": 12.0, "reports": 72.0}
    assert features()["reached_steps"] is None


def test_a_step_of_the_day_of_the_start_but_before_it_was_reached_at_once() -> None:
    early = event(0, occurred_at=START - timedelta(hours=2))
    assert dict(features([early])["reached_steps"]) == {"login": 0.0}


def test_steps_are_no_features_by_themselves_but_what_is_learnt_is_made_of_them() -> None:
    assert REACHED.words == 0
    assert all(REACHED.name in feature.sql and "{steps}" in feature.sql for feature in LEARNT)

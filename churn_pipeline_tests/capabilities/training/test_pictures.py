from __future__ import annotations

import pytest

from churn_pipeline.capabilities.training.pictures import pictures
from churn_pipeline.capabilities.training.tuning import Step, Tuned
from churn_pipeline_tests.capabilities.training.test_evaluation import measured
from churn_pipeline_tests.past import past

# pictures are drawn
pytestmark = pytest.mark.flow

PNG = b"\x89PNG\r\n"
STEPS = (Step(0.6, False, "the defaults", 2.0), Step(0.7, True, "", 0.5))
TUNED = {"xgboost": Tuned({"depth": 3}, 40, 0.6, STEPS, None, {}, "")}


def test_there_is_a_picture_of_each_question_and_it_is_the_same_every_time() -> None:
    drawn = pictures(measured(past(200)), TUNED)
    assert sorted(drawn) == ["calibration.png", "landmarks.png", "roc.png", "scores.png", "tuning.png"]
    assert all(content.startswith(PNG) for content in drawn.values())
    assert drawn == pictures(measured(past(200)), TUNED)


def test_where_only_one_outcome_occurs_or_nothing_was_tuned_what_can_be_drawn_is_drawn() -> None:
    assert sorted(pictures(measured(past(60).assign(converted=True)), {})) == ["calibration.png", "scores.png"]

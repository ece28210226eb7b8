"""Pictures of a test: how well trials are told apart, whether the scores mean what they say, and how they are spread; and of the searches before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn_pipeline.orchestration.pictures import auc_by_landmark, calibration, roc, scores_by_outcome, searches

if TYPE_CHECKING:
    from churn_pipeline.capabilities.training.evaluation import Measured
    from churn_pipeline.capabilities.training.tuning import Tuned

FLOOR = "logistic regression"


def pictures(tested: Measured, tuned: Mapping[str, Tuned]) -> dict[str, bytes]:
    """PNG bytes by file name: roc, calibration, landmarks, scores, tuning. The same test and searches give the same bytes.

    Where only one outcome occurs there is no ROC curve, and none by landmark; where nothing was tuned, none of that.
    """
    labels, scores = tested.converted, tested.probability
    drawn = {"calibration.png": calibration(labels, scores), "scores.png": scores_by_outcome(labels, scores)}
    if tested.overall.auc is not None:
        drawn["roc.png"] = roc(labels, scores, compared={FLOOR: tested.floor_probability})
        drawn["landmarks.png"] = _landmarks(tested)
    if tuned:
        drawn["tuning.png"] = _searches(tuned)
    return dict(sorted(drawn.items()))


def _landmarks(tested: Measured) -> bytes:
    areas = {day: figures.auc for day, figures in tested.by_day.items() if figures.auc is not None}
    floor = {day: figures.floor_auc.mid for day, figures in tested.by_day.items() if figures.floor_auc is not None}
    return auc_by_landmark(areas, compared={FLOOR: floor})


def _searches(tuned: Mapping[str, Tuned]) -> bytes:
    return searches(
        {name: [step.loss for step in found.steps] for name, found in tuned.items()},
        seconds={name: [step.seconds for step in found.steps] for name, found in tuned.items()},
        pruned={name: [step.pruned for step in found.steps] for name, found in tuned.items()},
        importance={name: found.importance for name, found in tuned.items()},
    )

"""Pictures of a test: how well trials are told apart, whether the scores mean what they say, and how they are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.orchestration.pictures import auc_by_landmark, calibration, roc, scores_by_outcome

if TYPE_CHECKING:
    from churn_pipeline.capabilities.training.evaluation import Measured

FLOOR = "logistic regression"


def pictures(tested: Measured) -> dict[str, bytes]:
    """PNG bytes by file name: roc, calibration, landmarks, scores. The same test gives the same bytes.

    Where only one outcome occurs there is no ROC curve, and none by landmark.
    """
    labels, scores = tested.converted, tested.probability
    drawn = {"calibration.png": calibration(labels, scores), "scores.png": scores_by_outcome(labels, scores)}
    if tested.overall.auc is not None:
        drawn["roc.png"] = roc(labels, scores, compared={FLOOR: tested.floor_probability})
        drawn["landmarks.png"] = _landmarks(tested)
    return dict(sorted(drawn.items()))


def _landmarks(tested: Measured) -> bytes:
    areas = {day: figures.auc for day, figures in tested.by_day.items() if figures.auc is not None}
    floor = {day: figures.floor_auc.mid for day, figures in tested.by_day.items() if figures.floor_auc is not None}
    return auc_by_landmark(areas, compared={FLOOR: floor})

"""The one scorer: training, batch, API and backtest all score through it, and scoring never fits anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.calibration import Calibrator
from churn_pipeline.core.members import Member
from churn_pipeline.core.reasons import Explanation, stretched
from churn_pipeline.core.schema import FeatureSchema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class ScorerError(Exception):
    """The parts of a scorer do not fit together."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """What was fitted together: encoding, members, their blend on log-odds, calibration.

    log-odds = calibrator(intercept + sum of weight x margin)
    """

    schema: FeatureSchema
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    intercept: float
    calibrator: Calibrator

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, all offences at once."""
        names = [member.name for member in self.members]
        offences = [
            *([f"{len(names)} members, {len(self.weights)} weights"] if len(names) != len(self.weights) else []),
            *([f"two members of one kind: {', '.join(names)}"] if len(set(names)) != len(names) else []),
            *([f"a weight is negative: {self.weights}"] if min(self.weights, default=0.0) < 0 else []),
            *([] if np.isfinite((self.intercept, *self.weights)).all() else ["a weight is not finite"]),
        ]
        if offences:
            raise ScorerError(
                "the parts of the scorer do not fit: " + "; ".join(offences) + "\n"
                "  allowed: one weight >= 0 a member, each kind of member once"
            )

    def log_odds(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Calibrated log-odds of each row, within +-18.

        Raises:
            SchemaError: the frame does not hold the features.
        """
        return self.calibrator(self.margin(self.schema.encode(frame)))

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Calibrated probability of each row, strictly between 0 and 1; its log-odds are `log_odds` to 1e-8.

        Raises:
            SchemaError: the frame does not hold the features.
        """
        return logit.probability(self.log_odds(frame))

    def margin(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The blend before calibration, of encoded rows."""
        blended = np.full(len(x), self.intercept)
        for weight, member in self._active():
            blended += weight * member.margin(x)
        return blended

    def explain(self, frame: pd.DataFrame) -> Explanation:
        """How the features of each row push its calibrated log-odds from the base.

        The pushes are the members' Shapley values, blended as the margins are (the values of a sum are the sum of the
        values), summed over the encoded columns of a feature and stretched by the calibration's secant from the base.

        Raises:
            SchemaError: the frame does not hold the features.
            ReasonsError: the pushes do not add up to the score.
        """
        x = self.schema.encode(frame)
        base, pushes = self.intercept, np.zeros((len(x), len(self.schema.features)))
        for weight, member in self._active():
            member_base, contributions = member.contributions(x)
            base += weight * member_base
            pushes += weight * self.schema.by_feature(contributions)
        margin = self.margin(x)
        grown = stretched(pushes, margin - base - pushes.sum(axis=1), self.calibrator.stretch(margin, base))
        return Explanation(self.schema.names, float(self.calibrator(base)), grown, self.calibrator(margin))

    def _active(self) -> list[tuple[float, Member]]:
        return [(weight, member) for weight, member in zip(self.weights, self.members, strict=True) if weight > 0]

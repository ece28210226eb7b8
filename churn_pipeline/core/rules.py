"""What scores when no model can: a handful of additive rules on log-odds, explained like any model.

The thresholds and pushes are a rule of thumb, not fitted on anything: someone who comes back often, came lately, uses
several features and brought colleagues is likelier to stay, and each of these moves the odds by a factor of at most 2.5.
Only the base is a figure of the business: its conversion rate. Use them to rank, not to plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.contracts.features.catalogue import feature
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.reasons import Explanation
from churn_pipeline.core.schema import FeatureSchema, ModelFeature

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class RulesError(Exception):
    """The rules were given a base rate that is no rate."""


@dataclass(frozen=True, slots=True)
class Rule:
    """From each value of a feature on (rising, the first open below), its push in log-odds. Null pushes nothing."""

    feature: str
    steps: tuple[tuple[float, float], ...]

    def pushes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The push of each value.

        >>> Rule("users_total", ((0, 0.0), (2, 0.3))).pushes(np.array([1.0, 2.0, np.nan])).tolist()
        [0.0, 0.3, 0.0]
        """
        starts, pushes = (np.array(part, dtype=np.float64) for part in zip(*self.steps, strict=True))
        step = np.maximum(np.searchsorted(starts, values, side="right") - 1, 0)
        return np.asarray(np.where(np.isnan(values), 0.0, pushes[step]))


RULES: tuple[Rule, ...] = (
    Rule("active_share", ((0, -0.6), (0.15, -0.1), (0.35, 0.4), (0.6, 0.8))),
    Rule("active_days", ((0, -0.4), (1, 0.0), (4, 0.2), (8, 0.4))),
    Rule("hours_since_last_event", ((0, 0.3), (24, 0.0), (72, -0.4), (168, -0.9))),
    Rule("events_7d", ((0, -0.5), (1, -0.1), (10, 0.1), (50, 0.3))),
    Rule("momentum_3d", ((-1, -0.2), (0, 0.0), (1, 0.2))),
    Rule("features_used", ((0, -0.4), (2, 0.0), (4, 0.3), (8, 0.5))),
    Rule("users_total", ((0, 0.0), (2, 0.3), (5, 0.6))),
)


@dataclass(frozen=True)
class RulesScorer:
    """Scores by `RULES`, from the conversion rate of the business; the same interface as a fitted `Scorer`."""

    base_rate: float
    silent: frozenset[str] = frozenset()
    """Features that are not known of this business: no rule speaks of them. Where all are, everybody has the base rate."""

    def __post_init__(self) -> None:
        """Refuse a base rate that is no rate."""
        if not 0 < self.base_rate < 1:
            raise RulesError(
                f"the base rate of the rules is {self.base_rate}.\n"
                "  allowed: more than 0 and less than 1\n"
                "  do:      give the conversion rate of the matured trials, or 0.5 where none is known"
            )

    @cached_property
    def schema(self) -> FeatureSchema:
        """The features that the rules may use, with their words."""
        named = (feature(rule.feature) for rule in RULES if rule.feature not in self.silent)
        return FeatureSchema(tuple(ModelFeature(known.name, known.kind, says=known.says) for known in named))

    def log_odds(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The log-odds of each row."""
        return self.explain(frame).log_odds

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The probability of each row."""
        return logit.probability(self.log_odds(frame))

    def explain(self, frame: pd.DataFrame) -> Explanation:
        """The pushes of the rules whose features the frame has and the business knows; the others stay out of it."""
        used = [rule for rule in RULES if rule.feature in frame and rule.feature not in self.silent]
        base = float(logit.log_odds(self.base_rate))
        pushes = np.zeros((len(frame), len(used)))
        for place, rule in enumerate(used):
            pushes[:, place] = rule.pushes(frame[rule.feature].to_numpy(dtype=np.float64, na_value=np.nan))
        return Explanation(tuple(rule.feature for rule in used), base, pushes, base + pushes.sum(axis=1))

"""What the thresholds of the business make of the challenger's scores, and what others would make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core.metrics import Interval, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_pipeline.capabilities.promotion.gate import Judged

CONFIDENCE = 0.95
OTHERS = tuple(tenths / 10 for tenths in range(1, 10))
"""Thresholds that are shown beside those of the business."""


@dataclass(frozen=True, slots=True)
class Part:
    """The looks whose scores lie in some range: how many of all, at how many trials, and what share of them converted."""

    share: float
    trials: int
    converted: Interval | None
    """With an interval for as many looks as the trials are worth; none where there are no looks."""

    def __str__(self) -> str:
        """Such as `12% of the looks (1,204 trials), 81% convert (79% to 83%)`."""
        looks = f"{self.share:.0%} of the looks ({self.trials:,} trials)"
        found = self.converted
        return f"{looks}, {found.mid:.0%} convert ({found.low:.0%} to {found.high:.0%})" if found else looks


def buckets(rows: Judged, *, at_risk_below: float, hot_above: float) -> dict[str, Part]:
    """The buckets that the thresholds make of the challenger's scores, from the lowest."""
    score = rows.challenger
    at_risk, hot = score < at_risk_below, score > hot_above
    return {"at_risk": _part(rows, at_risk), "middle": _part(rows, ~at_risk & ~hot), "hot": _part(rows, hot)}


def split(rows: Judged, thresholds: Iterable[float] = OTHERS) -> dict[float, tuple[Part, Part]]:
    """For each threshold what lies below it, and all else."""
    score = rows.challenger
    return {at: (_part(rows, score < at), _part(rows, score >= at)) for at in thresholds}


def _part(rows: Judged, chosen: NDArray[np.bool_]) -> Part:
    trials = rows.trial_id[chosen]
    found = rate(rows.converted[chosen], groups=trials, confidence=CONFIDENCE) if len(trials) else None
    return Part(float(chosen.mean()), len(np.unique(trials)), found)

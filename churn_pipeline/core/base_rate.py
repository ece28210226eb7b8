"""The base rate: what can be said of a trial that is known only by how long it has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SHRINKAGE = 20.0
"""Rows of the overall rate that are added to each trial day, so that a day with three rows says next to nothing."""


@dataclass(frozen=True, slots=True)
class BaseRate:
    """Share of rows that converted: overall, and by trial day.

    By trial day because trials leave when they convert, so those still running on day 14 convert less often than those
    on day 1: a model that knows the day and nothing else must not count as knowing anything.
    """

    overall: float
    by_day: Mapping[int, float]

    @classmethod
    def learn(cls, trial_day: ArrayLike, converted: ArrayLike) -> BaseRate:
        """The base rate of rows, smoothed so that it is never 0 or 1.

        >>> BaseRate.learn([1, 1, 3, 3], [True, False, False, False]).overall
        0.3
        """
        days, labels = np.asarray(trial_day, dtype=int), np.asarray(converted, dtype=float)
        overall = float((labels.sum() + 0.5) / (len(labels) + 1))
        found, code = np.unique(days, return_inverse=True)
        rows, ones = np.bincount(code), np.bincount(code, labels)
        rates = (ones + SHRINKAGE * overall) / (rows + SHRINKAGE)
        return cls(overall, dict(zip(found.tolist(), rates.tolist(), strict=True)))

    def probability(self, trial_day: ArrayLike) -> NDArray[np.float64]:
        """The base rate of each trial day; the overall one on days that were never seen."""
        return np.array([self.by_day.get(int(day), self.overall) for day in np.asarray(trial_day)], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """The base rate as JSON values."""
        return {"overall": self.overall, "by_day": {str(day): rate for day, rate in self.by_day.items()}}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> BaseRate:
        """The base rate that `to_json` wrote."""
        return cls(written["overall"], {int(day): rate for day, rate in written["by_day"].items()})

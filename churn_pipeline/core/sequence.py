"""Intervals that hold however often one looks: for decisions that are looked at anew every day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core.metrics import Interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NARROWEST_AT = 300
"""Groups at which the interval is as narrow as it can be; at a tenth or ten times as many it is wider by less than a third."""


def always_valid(values: ArrayLike, *, groups: ArrayLike, confidence: float) -> Interval | None:
    """The mean of `values` over rows with an interval that holds at every look at once, as groups (trials) come in; None below two groups.

    An interval of fixed size that is looked at every day is wrong in far more than 5 of 100 rollouts: one of many looks
    goes wrong. This one is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Time-uniform
    central limit theory, theorem 2.2): with n groups of spread s and rho^2 = (2 log(1/a) + log(2 log(1/a) + 1)) / NARROWEST_AT, where a = 1 - confidence,
    it reaches s * sqrt(2 (n rho^2 + 1) / (n rho)^2 * log(sqrt(n rho^2 + 1) / a)) to either side. The mean is one of rows,
    whose spread follows from what each group adds to it. As the normal approximation it is for some dozens of groups and more.
    """
    value = np.asarray(values, dtype=np.float64)
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    n = int(code.max(initial=-1)) + 1
    if n < 2:
        return None
    mean = float(value.mean())
    added = np.bincount(code, value - mean) / (len(value) / n)
    miss = 1 - confidence
    rho2 = (2 * math.log(1 / miss) + math.log(2 * math.log(1 / miss) + 1)) / NARROWEST_AT
    wide = n * rho2 + 1
    reach = float(added.std(ddof=1)) * math.sqrt(2 * wide / (n * n * rho2) * math.log(math.sqrt(wide) / miss))
    return Interval(mean, mean - reach, mean + reach)

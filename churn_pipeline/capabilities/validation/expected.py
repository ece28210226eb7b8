"""How far chance goes: prediction intervals for the next day of a count or a share, learnt from the days before.

Counts and shares are brought to a scale on which their variance does not depend on their size (Anscombe 1948, "The
transformation of Poisson, binomial and negative-binomial data", Biometrika 35). There the next day lies within Student's
prediction interval of the days before with the stated probability, however few they are. The spread is that of the
days themselves, and at least what counting alone gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Days = NDArray[np.float64]

FAR_OUT = 6.0
"""Robust standard deviations beyond which a day of the past was a fault itself, and teaches nothing."""
COUNTING = 0.25
"""Variance of a transformed count or share that varies by chance alone."""
WEEK = 7


@dataclass(frozen=True, slots=True)
class Range:
    """What chance explains, ends included. `beyond` gives -1 below, 1 above, else 0."""

    low: float
    high: float
    days: int

    def beyond(self, observed: float) -> int:
        """On which side of the range a value lies."""
        return -1 if observed < self.low else 1 if observed > self.high else 0


def expected_count(counts: ArrayLike, *, false_alarm: float) -> Range:
    """The range of the next day's count, given those of the days before it, the last of them yesterday; weekdays differ.

    Outside of it, on either side, lies a day on which nothing changed with probability `false_alarm`.

    >>> expected_count([100] * 56, false_alarm=0.001).days
    56
    """
    x = np.asarray(counts, float)
    weekday = np.arange(len(x))[::-1] % WEEK  # 6: the weekday of the day that is judged
    spread = _overdispersion(x, weekday)
    y = _stabilized(x, spread)
    kept = _usual(y - _means(y, weekday))
    if not kept[weekday == WEEK - 1].any():
        kept = np.ones_like(kept)
    own = kept & (weekday == WEEK - 1)
    residuals = (y - _means(y, weekday, kept))[kept]
    freedom = max(1, int(kept.sum()) - len(set(weekday[kept])))
    variance = max(COUNTING, float(residuals @ residuals) / freedom)
    reach = _quantile(freedom, false_alarm) * np.sqrt(variance * (1 + 1 / own.sum()))
    middle = float(y[own].mean())
    return Range(np.ceil(_counted(middle - reach, spread)), np.floor(_counted(middle + reach, spread)), int(kept.sum()))


def expected_share(hits: ArrayLike, totals: ArrayLike, *, of: int, false_alarm: float) -> Range:
    """The range of the next day's share of `of` records, given hits among all records of each day before it.

    Outside of it, on either side, lies a day on which nothing changed with probability `false_alarm`.
    """
    k, n = np.asarray(hits, float), np.asarray(totals, float)
    k, n = k[n > 0], n[n > 0]
    y = _angle(k, n)
    middle = float(_angle(k.sum(), n.sum()))
    kept = _usual(2 * np.sqrt(n) * (y - middle) * np.sqrt(COUNTING))
    k, n, y = k[kept], n[kept], y[kept]
    middle = float(_angle(k.sum(), n.sum()))
    freedom = max(1, len(n) - 1)
    # days differ by counting (1 / 4n) and by themselves (the same for each day): method of moments
    own = max(0.0, float(np.mean((y - middle) ** 2 - COUNTING / n)))
    variance = COUNTING / of + own + COUNTING / n.sum() + own / len(n)
    reach = _quantile(freedom, false_alarm) * np.sqrt(variance)
    low, high = (float(np.sin(np.clip(end, 0, np.pi / 2)) ** 2) for end in (middle - reach, middle + reach))
    # back from Anscombe's angle of a whole number of hits
    low_hits, high_hits = (end * (of + 0.75) - 0.375 for end in (low, high))
    return Range(max(0.0, np.ceil(low_hits) / of), min(1.0, np.floor(high_hits) / of), len(n))


def expected_age(ages: ArrayLike, *, false_alarm: float) -> Range:
    """The range of an age (any positive unit), given those of the days before; only the upper end is one.

    By Student's interval of the logarithms, whose upper tail is thicker than that of waiting times (log of exponential).
    """
    y = np.log(np.maximum(np.asarray(ages, float), 1e-3))
    y = y[_usual(y - np.median(y))]
    reach = _quantile(len(y) - 1, 2 * false_alarm) * y.std(ddof=1) * np.sqrt(1 + 1 / len(y))
    return Range(0.0, float(np.exp(y.mean() + reach)), len(y))


def _overdispersion(x: Days, weekday: NDArray[np.int_]) -> float:
    """By how much the variance exceeds the mean, relative to the squared mean (method of moments; 0: Poisson)."""
    means = _medians(x, weekday)
    kept = _usual(2 * (np.sqrt(x + 0.375) - np.sqrt(means + 0.375)) * np.sqrt(COUNTING))
    excess = (x - means) ** 2 * len(x) / max(1, len(x) - WEEK) - means
    squares = float((means[kept] ** 2).sum())
    return max(0.0, float(excess[kept].sum()) / squares) if squares else 0.0


def _stabilized(x: Days, spread: float) -> Days:
    """Anscombe's transformation of a negative-binomial count, of a Poisson count where nothing is spread."""
    root = np.sqrt(x + 0.375)
    return np.asarray(np.arcsinh(np.sqrt(spread) * root) / np.sqrt(spread) if spread > 1e-9 else root)


def _counted(y: float, spread: float) -> float:
    """The count that was transformed to `y`."""
    y = max(0.0, y)
    root = np.sinh(np.sqrt(spread) * y) / np.sqrt(spread) if spread > 1e-9 else y
    return max(0.0, float(root) ** 2 - 0.375)


def _angle(k: ArrayLike, n: ArrayLike) -> Days:
    """Anscombe's transformation of `k` hits among `n`."""
    return np.asarray(np.arcsin(np.sqrt((np.asarray(k) + 0.375) / (np.asarray(n) + 0.75))))


def _usual(residuals: Days) -> NDArray[np.bool_]:
    """The days that were not far out by themselves: faults and holidays of the past teach nothing."""
    scale = max(np.sqrt(COUNTING), 1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))))
    return np.asarray(np.abs(residuals - np.median(residuals)) <= FAR_OUT * scale)


def _means(y: Days, weekday: NDArray[np.int_], kept: NDArray[np.bool_] | None = None) -> Days:
    """The mean of its weekday beside each day (over the days that are `kept`); without it the median."""
    if kept is None:
        return _medians(y, weekday)
    means = np.array(
        [y[kept & (weekday == day)].mean() if (kept & (weekday == day)).any() else 0.0 for day in range(WEEK)]
    )
    return np.asarray(means[weekday])


def _medians(y: Days, weekday: NDArray[np.int_]) -> Days:
    return np.asarray(np.array([np.median(y[weekday == day]) for day in range(WEEK)])[weekday])


def _quantile(freedom: int, false_alarm: float) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - false_alarm / 2))

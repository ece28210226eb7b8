"""How good probabilities are. Everything that has an interval counts trials, not rows: a trial may have many rows."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core import log_odds as logit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BLOCK = 4_000_000
"""Cells drawn at once in a bootstrap (32 MB)."""


class MetricError(Exception):
    """A figure was asked for that the rows cannot give."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its confidence interval."""

    mid: float
    low: float
    high: float

    def __str__(self) -> str:
        """Such as `0.7200 (0.7100..0.7300)`."""
        return f"{self.mid:.4f} ({self.low:.4f}..{self.high:.4f})"


def losses(probability: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Log loss of each row, in nats; a probability of 0 or 1 counts as its nearest log-odds of 18 (see log_odds.LIMIT)."""
    limited = np.clip(logit.log_odds(probability), -logit.LIMIT, logit.LIMIT)
    return logit.losses(limited, np.asarray(labels, dtype=np.float64))


def log_loss(probability: ArrayLike, labels: ArrayLike) -> float:
    """Mean log loss, in nats.

    >>> round(log_loss([0.5, 0.5], [0, 1]), 4)
    0.6931
    """
    return float(losses(probability, labels).mean())


def brier(probability: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance between probability and label (Brier 1950).

    >>> brier([0.5, 1.0], [1, 1])
    0.125
    """
    return float(np.mean((np.asarray(probability, dtype=np.float64) - np.asarray(labels, dtype=np.float64)) ** 2))


def auc(score: ArrayLike, labels: ArrayLike) -> float:
    """Chance that a row with label 1 scores above one with label 0, ties counting half (Mann-Whitney, exact).

    >>> auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875

    Raises:
        MetricError: only one of the labels occurs.
    """
    positive = _positive(labels)
    ranks = midranks(np.asarray(score, dtype=np.float64))
    ones = int(positive.sum())
    zeros = len(positive) - ones
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def auc_interval(score: ArrayLike, labels: ArrayLike, *, groups: ArrayLike, confidence: float = 0.95) -> Interval:
    """The AUC with its interval where rows of one group (trial) hang together, symmetric on the log-odds of the AUC.

    Variance by the structural components of DeLong et al. (1988), summed within groups (Obuchowski 1997, Biometrics
    53, eq. 4). An AUC of 0 or 1 has no spread to measure: there the bound is the rule of three
    (Hanley and Lippman-Hand 1983).

    Raises:
        MetricError: only one of the labels occurs, or there is one group.
    """
    positive = _positive(labels)
    values = np.asarray(score, dtype=np.float64)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    area = auc(values, positive)
    ranks = midranks(values)
    above = (ranks[positive] - midranks(values[positive])) / zeros
    below = 1 - (ranks[~positive] - midranks(values[~positive])) / ones
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    count = int(code.max()) + 1
    if count < 2:
        raise MetricError("an interval needs at least two groups (trials); got one")
    spread = np.bincount(code[positive], above - area, count) / ones
    spread += np.bincount(code[~positive], below - area, count) / zeros
    deviation = float(np.sqrt((spread**2).sum() * count / (count - 1)))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if not 0 < area < 1:
        bound = 3 / min(ones, zeros)
        return Interval(area, max(0.0, area - bound), min(1.0, area + bound))
    centre, half = float(logit.log_odds(area)), z * deviation / (area * (1 - area))
    low, high = logit.probability([centre - half, centre + half])
    return Interval(area, float(low), float(high))


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing the mean of theirs.

    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[code])


@dataclass(frozen=True, slots=True)
class Reliability:
    """Per bin: how many rows, what was predicted on average, and what share came true."""

    rows: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


def reliability(probability: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> Reliability:
    """Calibration in bins of equal mass, from the lowest probabilities to the highest; equal ones share a bin."""
    p = np.asarray(probability, dtype=np.float64)
    code = _bin(p, bins)
    rows = np.bincount(code)
    observed = np.bincount(code, np.asarray(labels, dtype=np.float64)) / rows
    return Reliability(rows, np.bincount(code, p) / rows, observed)


def _bin(p: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """The bin of each row, of those that have any."""
    return np.unique(np.ceil(midranks(p) * min(bins, len(p)) / len(p)).astype(int) - 1, return_inverse=True)[1]


def ece(probability: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal mass: mean distance between predicted and observed rate.

    It is never 0 for finite rows: a perfect model has about 0.8 sqrt(p (1 - p) bins / rows).
    """
    found = reliability(probability, labels, bins=bins)
    return float(np.abs(found.predicted - found.observed) @ found.rows / found.rows.sum())


def rms_calibration_error(probability: ArrayLike, labels: ArrayLike, *, groups: ArrayLike, bins: int = 10) -> float:
    """Root of the mean squared distance between predicted and observed rate, without what chance alone puts there.

    Over bins of equal mass, less the variance of each observed rate (Kumar, Liang and Ma 2019, section 4), in which rows of
    one group (trial) hang together. About 0 for a perfect model whatever the number of rows, where `ece` is not.
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    found, code = reliability(p, y, bins=bins), _bin(p, bins)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    _, first, cell = np.unique(group * (int(code.max()) + 1) + code, return_index=True, return_inverse=True)
    sums = np.bincount(cell, y - found.observed[code])
    chance = np.bincount(code[first], sums**2) / found.rows**2
    squared = (found.predicted - found.observed) ** 2 - chance
    return float(np.sqrt(max(0.0, squared @ found.rows / found.rows.sum())))


@dataclass(frozen=True, slots=True)
class BrierParts:
    """What the Brier score consists of: `reliability - resolution + uncertainty`, and what lies within the bins."""

    reliability: float
    """Squared distance between predicted and observed rate: 0 is best."""
    resolution: float
    """How far the observed rates of the bins lie from the mean: more is better."""
    uncertainty: float
    """What a model has that says the mean of everything; the business's, not the model's."""


def brier_parts(probability: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> BrierParts:
    """The Brier score taken apart over bins of equal mass (Murphy 1973)."""
    found = reliability(probability, labels, bins=bins)
    share = found.rows / found.rows.sum()
    mean = float(share @ found.observed)
    return BrierParts(
        reliability=float(share @ (found.predicted - found.observed) ** 2),
        resolution=float(share @ (found.observed - mean) ** 2),
        uncertainty=mean * (1 - mean),
    )


def offset(probability: ArrayLike, labels: ArrayLike, *, groups: ArrayLike, confidence: float) -> Interval:
    """Observed minus predicted rate, with an interval in which rows of one group (trial) share their label.

    Above 0 more came true than was said. The variance is that of the sums of the groups (Liang and Zeger 1986), and never less
    than what the predictions themselves say: where nothing came true there is no spread to see, but chance enough.

    Raises:
        MetricError: there are fewer groups than two.
    """
    p = np.asarray(probability, dtype=np.float64)
    more = np.asarray(labels, dtype=np.float64) - p
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    count = int(code.max(initial=-1)) + 1
    if count < 2:
        raise MetricError(f"an interval needs at least two groups (trials); got {count}")
    mean, rows = float(more.mean()), np.bincount(code)
    said = np.bincount(code, p) / rows
    seen = (np.bincount(code, more - mean) ** 2).sum() * count / (count - 1)
    variance = max(float(seen), float((rows**2 * said * (1 - said)).sum()))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(variance)) / len(p)
    return Interval(mean, mean - half, mean + half)


def rate(labels: ArrayLike, *, groups: ArrayLike, confidence: float) -> Interval:
    """The share of rows with label 1, with the interval of Wilson (1927) for as many rows as the groups are worth (Kish 1965).

    >>> rate([0, 0, 0], groups=["a", "b", "c"], confidence=0.95).high > 0.5
    True

    Raises:
        MetricError: there are no rows.
    """
    y = np.asarray(labels, dtype=np.float64)
    if not len(y):
        raise MetricError("no rows to take the rate of")
    _, rows = np.unique(np.asarray(groups), return_counts=True)
    worth = float(rows.sum() ** 2 / (rows**2).sum())
    mean, z = float(y.mean()), NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (mean + z**2 / (2 * worth)) / (1 + z**2 / worth)
    half = z * float(np.sqrt(mean * (1 - mean) / worth + z**2 / (4 * worth**2))) / (1 + z**2 / worth)
    return Interval(mean, max(0.0, centre - half), min(1.0, centre + half))


def _positive(labels: ArrayLike) -> NDArray[np.bool_]:
    positive = np.asarray(labels).astype(bool)
    if positive.all() or not positive.any():
        raise MetricError(
            f"the AUC needs both labels; all {len(positive):,} rows have label {int(positive.all())}.\n"
            "  do: judge on a window in which some trials converted and some did not"
        )
    return positive

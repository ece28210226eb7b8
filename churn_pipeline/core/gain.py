"""How much better one set of predictions is than another on the same rows, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.core.metrics import BLOCK, Interval, MetricError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


MOST_LOTS = 5_000
"""Beyond, more lots would tell the spread of the mean no better than to a hundredth, and cost the more time."""


def gain(
    loss: ArrayLike,
    challenger_loss: ArrayLike,
    *,
    groups: ArrayLike,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> Interval:
    """Mean of `loss - challenger_loss` over rows (positive: the challenger is better), with a two-sided interval.

    Paired bootstrap over groups (trials), since the rows of a trial hang together (Efron and Tibshirani 1993, chapter 8).
    Every row counts the same, though trials differ in rows: how many rows a trial has depends on when it converted, and
    a loss weighted by its own outcome is not proper, a wrong model could win on it.

    Raises:
        MetricError: there are no rows.
    """
    better = np.asarray(loss, dtype=np.float64) - np.asarray(challenger_loss, dtype=np.float64)
    if not len(better):
        raise MetricError("no rows to compare two models on")
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    code = _lots(code, rng)
    drawn = _means(np.bincount(code, better).astype(np.float64), np.bincount(code), rng, resamples)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(better.mean()), float(low), float(high))


def _lots(code: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Groups thrown together at random into at most `MOST_LOTS`, which are as independent of each other as they are."""
    count = int(code.max()) + 1
    return code if count <= MOST_LOTS else (rng.permutation(count) % MOST_LOTS)[code]


def _means(
    sums: NDArray[np.float64], rows: NDArray[np.integer[Any]], rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """The mean over rows of so many draws of whole groups."""
    step = max(1, BLOCK // len(sums))
    means = []
    for start in range(0, resamples, step):
        drawn = rng.integers(len(sums), size=(min(step, resamples - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / rows[drawn].sum(axis=1))
    return np.concatenate(means)

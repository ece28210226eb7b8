"""Log-odds: the scale on which models, calibration and reasons add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LIMIT = 18.0
"""Largest log-odds that is shown (probability 1.5e-8 from 0 or 1).

Beyond it a double near 1 no longer says which log-odds it came from: at 18 the way there and back is off by 1e-8, at 30
by 1e-3. Scores are limited on this scale, before the probability is taken, so that the two always say the same.
"""
CHUNK = 8_192
"""Rows that are computed with at once."""


class NotFittedError(Exception):
    """A likelihood has no finite maximum that was reached."""


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """The probability of log-odds.

    >>> float(probability(0.0))
    0.5
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(log_odds, dtype=np.float64))))


def log_odds(probability: ArrayLike) -> NDArray[np.float64]:
    """The log-odds of a probability; those of 0 and 1 are infinite.

    >>> float(log_odds(0.5))
    0.0
    """
    p = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p) - np.log1p(-p))


def losses(log_odds: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Log loss of each row in nats, from log-odds, without overflow; `target` is a label or a probability."""
    m = np.asarray(log_odds, dtype=np.float64)
    return np.asarray(np.logaddexp(0.0, m) - np.asarray(target, dtype=np.float64) * m)


def chunks(rows: int) -> Iterator[slice]:
    """So many rows in slices that fit into the caches of a processor."""
    yield from (slice(at, at + CHUNK) for at in range(0, rows, CHUNK))


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted linear model of the log-odds."""

    coefficients: NDArray[np.float64]
    loss: float
    """Mean log loss on the rows it was fitted on, without the penalty."""


def fit_linear(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    *,
    penalty: ArrayLike = 0.0,
    weights: NDArray[np.float64] | None = None,
    steps: int = 100,
) -> Fit:
    """Maximum likelihood of `log-odds = design @ coefficients`, by Newton steps that are halved until they help.

    `penalty` is what half the squared coefficient costs, in nats in sum over all rows: one number or one a column.

    Raises:
        NotFittedError: no maximum was reached (separable rows without a penalty).
    """
    rows, columns = design.shape
    w = np.ones(rows) if weights is None else weights
    ridge = np.broadcast_to(np.asarray(penalty, dtype=np.float64), (columns,))

    def cost(beta: NDArray[np.float64]) -> float:
        return float(w @ losses(design @ beta, target) + 0.5 * ridge @ beta**2)

    beta = np.zeros(columns)
    best = cost(beta)
    for _ in range(steps):
        p = probability(design @ beta)
        gradient = design.T @ (w * (p - target)) + ridge * beta
        hessian = _gram(design, w * p * (1 - p)) + np.diag(ridge + 1e-10)
        step = np.linalg.solve(hessian, gradient)
        if float(gradient @ step) < 1e-12 * (1 + best):
            return Fit(beta, float(w @ losses(design @ beta, target) / w.sum()))
        scale = 1.0
        while cost(beta - scale * step) > best and scale > 1e-8:
            scale /= 2
        beta = beta - scale * step
        best = cost(beta)
    raise NotFittedError(
        f"no maximum likelihood after {steps} Newton steps on {rows:,} rows and {columns} columns "
        f"(largest coefficient {np.abs(beta).max():.3g}).\n"
        "  allowed: rows of both classes that no linear rule separates, or a penalty > 0\n"
        "  do:      raise the penalty"
    )


def _gram(design: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted products of each two columns; no second matrix of all rows is made."""
    columns = design.shape[1]
    total = np.zeros((columns, columns))
    for rows in chunks(len(design)):
        total += (design[rows] * weights[rows, None]).T @ design[rows]
    return total

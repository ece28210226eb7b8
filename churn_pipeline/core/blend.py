"""Weights that blend models on the scale of log-odds, where the reasons of the blend are the blend of the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core.log_odds import Fit, fit_linear

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Blend:
    """Log-odds = intercept + sum of weight x margin."""

    intercept: float
    weights: tuple[float, ...]
    """One a member, none negative; a member that does not help has weight 0."""
    loss: float
    """Mean log loss on the rows it was fitted on, in nats."""

    def __call__(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """The blended log-odds of margins (rows, members)."""
        return np.asarray(self.intercept + (margins * np.array(self.weights)).sum(axis=1))


def fit_blend(margins: NDArray[np.float64], labels: ArrayLike, *, penalty: float = 1.0) -> Blend:
    """The weights >= 0 with the least log loss on rows that no member was fitted on: margins (rows, members).

    `penalty` (nats for half a squared weight) only keeps the weights of two like members apart from infinity. Every set
    of members is fitted and the best of those without a negative weight taken: as the loss is convex, its least value
    under `weights >= 0` is among them. Meant for a handful of members (at most 8).

    Raises:
        ValueError: more than 8 members.
    """
    members = margins.shape[1]
    if members > 8:
        raise ValueError(f"a blend of {members} members; allowed: at most 8. Leave out the weakest.")
    target = np.asarray(labels, dtype=np.float64)
    found = [
        (chosen, _fit(margins[:, chosen], target, penalty))
        for size in range(members + 1)
        for chosen in combinations(range(members), size)
    ]
    allowed = [(chosen, fit) for chosen, fit in found if (fit.coefficients[1:] >= 0).all()]
    chosen, fit = min(allowed, key=lambda entry: _cost(entry[1], len(target), penalty))
    weights = np.zeros(members)
    weights[list(chosen)] = fit.coefficients[1:]
    return Blend(float(fit.coefficients[0]), tuple(weights.tolist()), fit.loss)


def _fit(margins: NDArray[np.float64], target: NDArray[np.float64], penalty: float) -> Fit:
    design = np.hstack([np.ones((len(margins), 1)), margins])
    # the intercept is hardly penalised, so that rows of one class still have a fit
    return fit_linear(design, target, penalty=np.r_[1e-3, np.full(margins.shape[1], penalty)])


def _cost(fit: Fit, rows: int, penalty: float) -> float:
    return rows * fit.loss + 0.5 * penalty * float((fit.coefficients[1:] ** 2).sum())

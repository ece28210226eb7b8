"""A regularised logistic regression: the floor that the boosters must beat, and all there is while conversions are few."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from churn_pipeline.core.log_odds import fit_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "logistic.json"


@dataclass(frozen=True, slots=True)
class Preparation:
    """How an encoded column becomes a standardised one. Every field has one value a column.

    A null takes the column's mean, and a missing flag of its own says so.
    """

    logged: tuple[bool, ...]
    """Whether the column goes in as sign(x) log(1 + |x|): where that makes it less skewed."""
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    missing: tuple[float, ...]
    """Share of nulls, the mean of the missing flag."""

    @classmethod
    def learn(cls, x: NDArray[np.float64]) -> Self:
        """The preparation that gives the columns of `x` mean 0 and, where they vary, spread 1."""
        columns = [_describe(x[:, column]) for column in range(x.shape[1])]
        logged, mean, scale, missing = zip(*columns, strict=True)
        return cls(logged, mean, scale, missing)

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standardised columns followed by one centred missing flag a column: (rows, 2 * columns)."""
        null = np.isnan(x)
        squashed = np.where(self.logged, np.sign(x) * np.log1p(np.abs(x)), x)
        standard = np.where(null, 0.0, (squashed - np.array(self.mean)) / np.array(self.scale))
        # where training saw no null there is nothing to learn from one
        flags = np.where(np.array(self.missing) > 0, null - np.array(self.missing), 0.0)
        return np.hstack([standard, flags])


def _describe(column: NDArray[np.float64]) -> tuple[bool, float, float, float]:
    """Of one column: whether to log it, its mean, spread (1 if none) and share of nulls."""
    known = column[~np.isnan(column)]
    missing = 1 - len(known) / max(len(column), 1)
    if not len(known):
        return False, 0.0, 1.0, missing
    squashed = np.log1p(np.abs(known))
    logged = bool(known.min() >= 0 and _skew(squashed) < _skew(known))
    used = squashed if logged else known
    spread = float(used.std())
    return logged, float(used.mean()), spread if spread > 0 else 1.0, missing


def _skew(values: NDArray[np.float64]) -> float:
    """Absolute skewness; 0 where nothing varies. Two values (a flag) stay as skewed however they are squashed."""
    spread = values.std()
    return 0.0 if spread == 0 else round(abs(float((((values - values.mean()) / spread) ** 3).mean())), 6)


@dataclass(frozen=True, slots=True)
class LogisticMember:
    """Log-odds = intercept + sum of coefficient x standardised column + sum of coefficient x centred missing flag."""

    name: ClassVar[str] = "logistic"
    library: ClassVar[str] = "numpy"

    preparation: Preparation
    intercept: float
    coefficients: tuple[float, ...]
    """One a column, then one a missing flag."""

    @classmethod
    def fit(
        cls,
        x: NDArray[np.float64],
        labels: NDArray[np.float64],
        *,
        strength: float,
        weights: NDArray[np.float64] | None = None,
    ) -> Self:
        """The regression with ridge penalty `strength` (in nats: what half a squared standardised coefficient costs).

        The intercept is not penalised. A strength of 1 is scikit-learn's C = 1.

        Raises:
            NotFittedError: no maximum was reached.
        """
        preparation = Preparation.learn(x)
        design = np.hstack([np.ones((len(x), 1)), preparation.apply(x)])
        penalty = np.r_[0.0, np.full(design.shape[1] - 1, strength)]
        beta = fit_linear(design, labels.astype(np.float64), penalty=penalty, weights=weights).coefficients
        return cls(preparation, float(beta[0]), tuple(beta[1:].tolist()))

    def margin(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds: (rows,)."""
        base, pushes = self.contributions(x)
        return np.asarray(base + pushes.sum(axis=1))

    def contributions(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The intercept, and coefficient x (standardised column - its mean 0) with its missing flag's: exact Shapley values.

        Row by row, not by matrix product: the rounding of a row must not depend on the rows beside it.
        """
        parts = self.preparation.apply(x) * np.array(self.coefficients)
        return self.intercept, parts[:, : x.shape[1]] + parts[:, x.shape[1] :]

    def files(self) -> dict[str, bytes]:
        """The model as JSON."""
        return {FILE: json.dumps(asdict(self), sort_keys=True, indent=1, allow_nan=False).encode()}

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Self:
        """The model of `files`."""
        given = json.loads(files[FILE])
        preparation = Preparation(**{name: tuple(values) for name, values in given["preparation"].items()})
        return cls(preparation, given["intercept"], tuple(given["coefficients"]))

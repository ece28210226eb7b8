"""A regularised logistic regression: the floor that the boosters must beat, and all there is while conversions are few."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from churn_pipeline.core.log_odds import chunks, fit_linear

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
        prepared = np.empty((len(x), 2 * x.shape[1]))
        for rows in chunks(len(x)):
            self._write(x[rows], prepared[rows, : x.shape[1]], prepared[rows, x.shape[1] :])
        return prepared

    def _write(self, x: NDArray[np.float64], standard: NDArray[np.float64], flags: NDArray[np.float64]) -> None:
        """Fill `standard` and `flags` from the rows of `x`: in place, and through the logarithm only what is logged, in two thirds of the time of whole matrices."""
        null, missing, at = np.isnan(x), np.array(self.missing), np.flatnonzero(self.logged)
        raw = x[:, at]
        np.copyto(standard, x)
        standard[:, at] = np.sign(raw) * np.log1p(np.abs(raw))
        standard -= np.array(self.mean)
        standard /= np.array(self.scale)
        np.copyto(standard, 0.0, where=null)
        np.subtract(null, missing, out=flags)
        # where training saw no null there is nothing to learn from one
        flags[:, missing == 0] = 0.0


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
    if spread == 0:
        return 0.0
    standard = (values - values.mean()) / spread
    # a product: numpy's third power takes twenty times as long
    return round(abs(float((standard * standard * standard).mean())), 6)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as the regression sees them, made once for fits of any strength."""

    preparation: Preparation
    design: NDArray[np.float64]
    """A column of ones, then the columns that are not 0 throughout."""
    used: NDArray[np.bool_]
    """Which of the standardised columns and missing flags those are."""

    @classmethod
    def of(cls, x: NDArray[np.float64]) -> Self:
        """The rows of `x`, prepared."""
        preparation = Preparation.learn(x)
        used = np.zeros(2 * x.shape[1], dtype=np.bool_)
        for rows in chunks(len(x)):
            used |= preparation.apply(x[rows]).any(axis=0)
        # prepared twice rather than held twice: this is the largest matrix of a training
        design = np.ones((len(x), 1 + int(used.sum())))
        for rows in chunks(len(x)):
            design[rows, 1:] = preparation.apply(x[rows])[:, used]
        return cls(preparation, design, used)


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
        """`fit_prepared` on rows that are used once."""
        return cls.fit_prepared(Prepared.of(x), labels, strength=strength, weights=weights)

    @classmethod
    def fit_prepared(
        cls,
        rows: Prepared,
        labels: NDArray[np.float64],
        *,
        strength: float,
        weights: NDArray[np.float64] | None = None,
    ) -> Self:
        """The regression with ridge penalty `strength` (in nats: what half a squared standardised coefficient costs).

        The intercept is not penalised. A strength of 1 is scikit-learn's C = 1. A column that is 0 throughout gets 0.

        Raises:
            NotFittedError: no maximum was reached.
        """
        penalty = np.r_[0.0, np.full(rows.design.shape[1] - 1, strength)]
        beta = fit_linear(rows.design, labels.astype(np.float64), penalty=penalty, weights=weights).coefficients
        coefficients = np.zeros(len(rows.used))
        coefficients[rows.used] = beta[1:]
        return cls(rows.preparation, float(beta[0]), tuple(coefficients.tolist()))

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

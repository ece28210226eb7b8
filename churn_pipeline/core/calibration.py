"""From a model's margin to calibrated log-odds, always strictly increasing: ranking is kept and every push keeps its sign.

Plain isotonic regression is not among the choices: where it is flat a score would have no reasons, and its ties destroy
ranking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from churn_pipeline.core.log_odds import LIMIT, fit_linear, log_odds, losses, probability

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Kind = Literal["none", "temperature", "platt", "beta", "centred isotonic"]
LEAST_SLOPE = 0.01
"""A model that predicts the wrong way round is flattened to this slope, never turned round."""
BENT = np.linspace(-12.0, 12.0, 193)
"""The margins between which a curve is drawn as straight lines: nowhere off by more than 0.0005 times the difference of its two slopes."""
BEND_PENALTY = 5.0
"""What half the square of a bend costs, in nats in sum over all rows."""
NEAR = 1e-9
"""Margins nearer than that have a quotient of differences that loses its digits to rounding."""


class CalibrationError(Exception):
    """A map cannot be fitted, or is not strictly increasing."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Straight lines between the points (`at`, `to`), with slopes `below` the first and `above` the last of them.

    What leaves the map is limited to +-18 (log_odds.LIMIT): beyond, and only there, scores are equal.
    """

    kind: Kind
    at: tuple[float, ...]
    to: tuple[float, ...]
    below: float
    above: float

    def __post_init__(self) -> None:
        """Refuse a map that is not strictly increasing."""
        rising = (np.diff(self.at) > 0).all() and (np.diff(self.to) > 0).all() and self.below > 0 and self.above > 0
        finite = np.isfinite((*self.at, *self.to, self.below, self.above)).all()
        if not (self.at and len(self.at) == len(self.to) and finite and rising):
            raise CalibrationError(
                f"the {self.kind} calibration is not strictly increasing: at {self.at}, to {self.to}, "
                f"slopes {self.below} and {self.above}.\n  allowed: rising points and slopes > 0"
            )

    def __call__(self, margin: ArrayLike) -> NDArray[np.float64]:
        """Calibrated log-odds."""
        m = np.asarray(margin, dtype=np.float64)
        inside = np.interp(m, self.at, self.to)
        under, over = np.minimum(m - self.at[0], 0.0), np.maximum(m - self.at[-1], 0.0)
        return np.asarray(np.clip(inside + self.below * under + self.above * over, -LIMIT, LIMIT))

    def stretch(self, margin: ArrayLike, base: float) -> NDArray[np.float64]:
        """By what a push between `base` and `margin` grows: the secant of the map, its derivative (to the right) where the two are one.

        `self(base) + stretch * (margin - base) == self(margin)`.
        """
        m = np.asarray(margin, dtype=np.float64)
        near = np.abs(m - base) <= NEAR
        stretched = np.asarray((self(m) - self(base)) / np.where(near, 1.0, m - base))
        stretched[near] = self._mean_slope(np.minimum(m[near], base), np.maximum(m[near], base))
        return stretched

    def _mean_slope(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """The slope of each line by its share of the way from `low` to `high`, all (rows,); the slope to the right where they are one. The limit of the map is left aside."""
        slopes = np.array([self.below, *(np.diff(self.to) / np.diff(self.at)), self.above])
        way = np.diff(np.clip([-np.inf, *self.at, np.inf], low[:, None], high[:, None]))
        right = slopes[np.searchsorted(self.at, low, side="right")]
        shares = np.divide(way, (high - low)[:, None], out=np.zeros_like(way), where=(high > low)[:, None])
        return np.where(high > low, shares @ slopes, right)

    def to_json(self) -> dict[str, Any]:
        """The map as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Calibrator:
        """The map of `to_json`.

        Raises:
            CalibrationError: it is not strictly increasing.
        """
        return cls(given["kind"], tuple(given["at"]), tuple(given["to"]), given["below"], given["above"])


def none(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibrator:
    """The margins as they are."""
    return Calibrator("none", (0.0,), (0.0,), 1.0, 1.0)


def temperature(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibrator:
    """One slope through 0 (Guo et al. 2017: its inverse is the temperature)."""
    design = margins[:, None]
    slope = float(fit_linear(design, _softened(labels), penalty=1e-6).coefficients[0])
    return Calibrator("temperature", (0.0,), (0.0,), max(slope, LEAST_SLOPE), max(slope, LEAST_SLOPE))


def platt(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibrator:
    """Slope and shift (Platt 1999, with his softened labels); the slope is kept positive."""
    target, ones = _softened(labels), np.ones((len(margins), 1))
    shift, slope = fit_linear(np.hstack([ones, margins[:, None]]), target, penalty=1e-6).coefficients
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        shift = log_odds(target.mean()) - slope * margins.mean()
    return Calibrator("platt", (0.0,), (float(shift),), float(slope), float(slope))


def beta(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibrator:
    """A shift, one slope for low margins and another for high ones (Kull, Silva Filho and Flach 2017); both slopes are positive.

    Log-odds = shift + a ln p - b ln(1 - p), where p is the probability that the margin says. That is shift +
    (a + b) / 2 * margin + (b - a) / 2 * fold, and the bend (b - a) / 2 is held back a little: where all margins lie on one side
    nothing tells it.
    """
    target = _softened(labels)
    design = np.column_stack([np.ones_like(margins), margins, _fold(margins)])
    shift, slope, bend = fit_linear(design, target, penalty=[1e-6, 1e-6, BEND_PENALTY]).coefficients
    a, b = max(float(slope - bend), LEAST_SLOPE), max(float(slope + bend), LEAST_SLOPE)

    def curve(m: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((a + b) / 2 * m + (b - a) / 2 * _fold(m))

    if min(slope - bend, slope + bend) < LEAST_SLOPE:
        shift = log_odds(target.mean()) - curve(margins).mean()
    return Calibrator("beta", tuple(BENT.tolist()), tuple((shift + curve(BENT)).tolist()), a, b)


def _fold(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """-ln p - ln(1 - p): nearly the distance from 0."""
    return np.asarray(np.logaddexp(0.0, margins) + np.logaddexp(0.0, -margins))


def centred_isotonic(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> Calibrator:
    """Isotonic blocks as points, straight lines between them, Platt's slope outside (after Oron and Flournoy 2017).

    A block of k rows with s conversions stands at the mean of its margins, with rate (s + .5) / (k + 1). Neighbours
    whose smoothed rates do not rise become one block.
    """
    outside = platt(margins, labels).above
    blocks: list[_Block] = []
    for block in _isotonic_blocks(margins, labels):
        merged = block
        while blocks and blocks[-1].rate >= merged.rate:
            merged = blocks.pop().with_(merged)
        blocks.append(merged)
    at = tuple(block.margin / block.rows for block in blocks)
    return Calibrator("centred isotonic", at, tuple(float(log_odds(b.rate)) for b in blocks), outside, outside)


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows with neighbouring margins: how many, their conversions, the sum of their margins."""

    rows: float
    ones: float
    margin: float

    @property
    def rate(self) -> float:
        return (self.ones + 0.5) / (self.rows + 1)

    def with_(self, other: _Block) -> _Block:
        return _Block(self.rows + other.rows, self.ones + other.ones, self.margin + other.margin)


def _isotonic_blocks(margins: NDArray[np.float64], labels: NDArray[np.float64]) -> list[_Block]:
    from scipy.optimize import isotonic_regression

    # margins that differ by less than anything a score shows are one: between them a line would be too steep to compute with
    at, code, rows = np.unique(np.round(margins, 9), return_inverse=True, return_counts=True)
    ones = np.bincount(code, labels)
    starts = isotonic_regression(ones / rows, weights=rows.astype(np.float64)).blocks[:-1]
    sums = zip(*(np.add.reduceat(part, starts) for part in (rows, ones, at * rows)), strict=True)
    return [_Block(float(k), float(s), float(m)) for k, s, m in sums]


FITS: dict[Kind, Callable[[NDArray[np.float64], NDArray[np.float64]], Calibrator]] = {
    "none": none,
    "temperature": temperature,
    "platt": platt,
    "beta": beta,
    "centred isotonic": centred_isotonic,
}
"""The ways to calibrate, the simplest first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The calibration that was chosen, fitted on all rows, and what each way lost in cross-validation (nats a row)."""

    calibrator: Calibrator
    losses: dict[Kind, float]


def choose(margins: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, folds: int = 5) -> Choice:
    """The simplest way, each with the `level` that it leaves to be set, whose cross-validated log loss is within one standard error of the least; rows of one group share a fold.

    The standard error is that of the difference between the two, over groups (Breiman et al. 1984, section 3.4.3): a curve
    that wins by luck would be off on the next trials. Groups are dealt to the folds in turn, in their sorted order, so nothing
    here is random.

    Raises:
        CalibrationError: fewer groups than two, or a margin is not finite.
    """
    m, y = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    names, code = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2 or not np.isfinite(m).all():
        raise CalibrationError(
            f"calibration needs finite margins of at least two groups (trials); got {len(names)} groups and "
            f"{int((~np.isfinite(m)).sum()):,} margins that are not finite"
        )
    fold = code % min(folds, len(names))
    lost = {kind: _out_of_fold(fit, m, y, fold) for kind, fit in FITS.items()}
    best = min(FITS, key=lambda kind: lost[kind].mean())
    simplest = next(kind for kind in FITS if _within_an_error(lost[kind] - lost[best], code))
    return Choice(FITS[simplest](m, y), {kind: float(rows.mean()) for kind, rows in lost.items()})


def _within_an_error(worse: NDArray[np.float64], groups: NDArray[np.intp]) -> bool:
    """Whether a mean over rows is at most its standard error over groups."""
    sums = np.bincount(groups, worse - worse.mean())
    return bool(worse.mean() <= np.sqrt((sums**2).sum()) / len(worse))


def _out_of_fold(
    fit: Callable[[NDArray[np.float64], NDArray[np.float64]], Calibrator],
    margins: NDArray[np.float64],
    labels: NDArray[np.float64],
    fold: NDArray[np.intp],
) -> NDArray[np.float64]:
    found = np.empty(len(margins))
    for number in range(int(fold.max()) + 1):
        held = fold == number
        fitted = fit(margins[~held], labels[~held])
        shift = level(margins[~held], labels[~held], calibrator=fitted)
        found[held] = losses(fitted(margins[held] + shift), labels[held])
    return found


def level(margins: NDArray[np.float64], labels: NDArray[np.float64], *, calibrator: Calibrator) -> float:
    """What has to be added to margins so that as many are predicted as converted (softened: never all, never none)."""
    from scipy.optimize import brentq

    wanted = (labels.sum() + 0.5) / (len(labels) + 1)
    return float(brentq(lambda shift: probability(calibrator(margins + shift)).mean() - wanted, -1e4, 1e4, xtol=1e-10))


def _softened(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Labels moved off 0 and 1 by one row's worth, so that separable rows still have a fit (Platt 1999, section 2.2)."""
    ones = labels.sum()
    return np.asarray(np.where(labels > 0.5, (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2)))

"""How good a fitted scorer is on the newest matured trials, at every landmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.metrics import (
    Interval,
    auc_interval,
    brier,
    brier_parts,
    ece,
    log_loss,
    offset,
    rms_calibration_error,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from churn_pipeline.core.schema import ModelFeature

BINS = 20
"""Bins of the score distribution, from 0 to 1."""
LEAST_EXPECTED = 10
"""Trials of a segment that are expected to convert, and not to, below which nothing is said about it."""
FALSE_ALARM = 0.05
"""How often any segment of a model whose scores are right is called off."""


class Predicts(Protocol):
    """What can be measured: it gives a probability for each row of a frame."""

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """(rows,)."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of some rows of the test cohort. Log losses in nats; `auc` is null where only one outcome occurs."""

    rows: int
    trials: int
    conversions: int
    auc: Interval | None
    floor_auc: Interval | None
    base_auc: Interval | None
    log_loss: float
    floor_log_loss: float
    base_log_loss: float
    ece: float
    floor_ece: float
    base_ece: float
    rms_calibration_error: float
    brier: float
    brier_reliability: float
    brier_resolution: float
    brier_uncertainty: float


@dataclass(frozen=True, slots=True)
class SegmentCalibration:
    """Whether the scores of a segment mean what they say: `offset` is the observed minus the predicted rate.

    Its interval is as wide as the number of segments asks for: in one of twenty tests of a model whose scores are right is any
    segment off.
    """

    rows: int
    trials: int
    conversions: int
    predicted: float
    observed: float
    offset: Interval

    @property
    def off(self) -> bool:
        """Whether there is evidence that the scores of the segment are too high or too low."""
        return not self.offset.low <= 0 <= self.offset.high


@dataclass(frozen=True)
class Measured:
    """The test cohort as the scorer sees it: one row a snapshot; figures over all and by landmark."""

    trial_day: NDArray[np.int64]
    converted: NDArray[np.bool_]
    probability: NDArray[np.float64]
    floor_probability: NDArray[np.float64]
    overall: Figures
    by_day: dict[int, Figures]
    by_segment: dict[str, dict[str, SegmentCalibration]]
    """By attribute of the trial, and its value."""

    def facts(self) -> dict[str, Any]:
        """The figures, and how the scores are spread, as JSON values."""
        counts, _ = np.histogram(self.probability, bins=BINS, range=(0, 1))
        return {
            "overall": asdict(self.overall),
            "by_day": {str(day): asdict(figures) for day, figures in self.by_day.items()},
            "by_segment": {
                attribute: {value: {**asdict(found), "off": found.off} for value, found in values.items()}
                for attribute, values in self.by_segment.items()
            },
            "scores": counts.tolist(),
        }

    def metrics(self) -> dict[str, float]:
        """The figures under flat names, for the tracking server: `auc`, `day_07/auc`, ..."""
        named = {"": self.overall, **{f"day_{day:02d}/": figures for day, figures in self.by_day.items()}}
        return {f"{prefix}{name}": value for prefix, f in named.items() for name, value in _flat(f).items()}


def evaluate(
    test: pd.DataFrame, *, scorer: Predicts, floor: Predicts, base: BaseRate, attributes: Sequence[ModelFeature] = ()
) -> Measured:
    """The figures of `scorer`, `floor` and base rate on the test cohort (trial_id, trial_day, converted, features).

    Calibration is looked at for each level of the categories `attributes`, where there are enough trials.
    """
    said = {
        "scorer": scorer.probability(test),
        "floor": floor.probability(test),
        "base": base.probability(test["trial_day"]),
    }
    days = test["trial_day"].to_numpy(dtype=np.int64)
    labels = test["converted"].to_numpy(dtype=bool)
    trials = test["trial_id"].to_numpy(dtype=object)

    def figures(rows: NDArray[np.bool_]) -> Figures:
        return _figures({name: p[rows] for name, p in said.items()}, labels[rows], trials[rows])

    by_day = {int(day): figures(days == day) for day in np.unique(days)}
    everyone = figures(np.ones(len(test), dtype=bool))
    by_segment = _by_segment(test, attributes, said["scorer"], labels, trials)
    return Measured(days, labels, said["scorer"], said["floor"], everyone, by_day, by_segment)


def _by_segment(
    test: pd.DataFrame,
    attributes: Sequence[ModelFeature],
    probability: NDArray[np.float64],
    labels: NDArray[np.bool_],
    trials: NDArray[np.object_],
) -> dict[str, dict[str, SegmentCalibration]]:
    found: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for feature in attributes:
        values = feature.column(test)
        segments = {level: np.asarray(values == level) for level in feature.levels}
        enough = {level: rows for level, rows in segments.items() if _tells(probability[rows], trials[rows])}
        found |= {feature.name: enough} if enough else {}
    tests = sum(len(segments) for segments in found.values())

    def measured(rows: NDArray[np.bool_]) -> SegmentCalibration:
        p, y, of = probability[rows], labels[rows], trials[rows]
        return SegmentCalibration(
            rows=len(y),
            trials=len(np.unique(of)),
            conversions=len(np.unique(of[y])),
            predicted=float(p.mean()),
            observed=float(y.mean()),
            offset=offset(p, y, groups=of, confidence=1 - FALSE_ALARM / tests),
        )

    return {name: {level: measured(rows) for level, rows in segments.items()} for name, segments in found.items()}


def _tells(probability: NDArray[np.float64], trials: NDArray[np.object_]) -> bool:
    """Whether so many trials of either outcome are expected that their number can be judged."""
    if not len(trials):
        return False
    _, code, rows = np.unique(trials, return_inverse=True, return_counts=True)
    expected = float((np.bincount(code, probability) / rows).sum())
    return min(expected, len(rows) - expected) >= LEAST_EXPECTED


def _figures(said: dict[str, NDArray[np.float64]], labels: NDArray[np.bool_], trials: NDArray[np.object_]) -> Figures:
    ranked = labels.any() and not labels.all() and len(np.unique(trials)) > 1
    ranks = {name: auc_interval(p, labels, groups=trials) if ranked else None for name, p in said.items()}
    return Figures(
        rows=len(labels),
        trials=len(np.unique(trials)),
        conversions=len(np.unique(trials[labels])),
        auc=ranks["scorer"],
        floor_auc=ranks["floor"],
        base_auc=ranks["base"],
        log_loss=log_loss(said["scorer"], labels),
        floor_log_loss=log_loss(said["floor"], labels),
        base_log_loss=log_loss(said["base"], labels),
        ece=ece(said["scorer"], labels),
        floor_ece=ece(said["floor"], labels),
        base_ece=ece(said["base"], labels),
        rms_calibration_error=rms_calibration_error(said["scorer"], labels, groups=trials),
        brier=brier(said["scorer"], labels),
        **{f"brier_{name}": value for name, value in asdict(brier_parts(said["scorer"], labels)).items()},
    )


def _flat(figures: Figures) -> dict[str, float]:
    found = {name: float(value) for name, value in asdict(figures).items() if not isinstance(value, dict | None)}
    if figures.auc is not None:
        found |= {"auc_low": figures.auc.low, "auc_high": figures.auc.high}
    ranks = {"auc": figures.auc, "floor_auc": figures.floor_auc, "base_auc": figures.base_auc}
    return found | {name: auc.mid for name, auc in ranks.items() if auc is not None}

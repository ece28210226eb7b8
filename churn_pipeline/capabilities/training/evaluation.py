"""How good a fitted scorer is on the newest matured trials, at every landmark."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.metrics import Interval, auc_interval, ece, log_loss

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from churn_pipeline.core.scorer import Scorer

BINS = 20
"""Bins of the score distribution, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of some rows of the test cohort. Log losses in nats; `auc` is null where only one outcome occurs."""

    rows: int
    trials: int
    conversions: int
    auc: Interval | None
    floor_auc: Interval | None
    log_loss: float
    floor_log_loss: float
    base_log_loss: float
    ece: float


@dataclass(frozen=True)
class Measured:
    """The test cohort as the scorer sees it: one row a snapshot; figures over all and by landmark."""

    trial_day: NDArray[np.int64]
    converted: NDArray[np.bool_]
    probability: NDArray[np.float64]
    floor_probability: NDArray[np.float64]
    overall: Figures
    by_day: dict[int, Figures]

    def facts(self) -> dict[str, Any]:
        """The figures, and how the scores are spread, as JSON values."""
        counts, _ = np.histogram(self.probability, bins=BINS, range=(0, 1))
        return {
            "overall": asdict(self.overall),
            "by_day": {str(day): asdict(figures) for day, figures in self.by_day.items()},
            "scores": counts.tolist(),
        }

    def metrics(self) -> dict[str, float]:
        """The figures under flat names, for the tracking server: `auc`, `day_07/auc`, ..."""
        named = {"": self.overall, **{f"day_{day:02d}/": figures for day, figures in self.by_day.items()}}
        return {f"{prefix}{name}": value for prefix, f in named.items() for name, value in _flat(f).items()}


def evaluate(test: pd.DataFrame, *, scorer: Scorer, floor: Scorer, base: BaseRate) -> Measured:
    """The figures of `scorer`, `floor` and base rate on the test cohort (trial_id, trial_day, converted, features)."""
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
    return Measured(days, labels, said["scorer"], said["floor"], figures(np.ones(len(test), dtype=bool)), by_day)


def _figures(said: dict[str, NDArray[np.float64]], labels: NDArray[np.bool_], trials: NDArray[np.object_]) -> Figures:
    ranked = labels.any() and not labels.all() and len(np.unique(trials)) > 1
    return Figures(
        rows=len(labels),
        trials=len(np.unique(trials)),
        conversions=len(np.unique(trials[labels])),
        auc=auc_interval(said["scorer"], labels, groups=trials) if ranked else None,
        floor_auc=auc_interval(said["floor"], labels, groups=trials) if ranked else None,
        log_loss=log_loss(said["scorer"], labels),
        floor_log_loss=log_loss(said["floor"], labels),
        base_log_loss=log_loss(said["base"], labels),
        ece=ece(said["scorer"], labels),
    )


def _flat(figures: Figures) -> dict[str, float]:
    plain = ("rows", "trials", "conversions", "log_loss", "floor_log_loss", "base_log_loss", "ece")
    found = {name: float(getattr(figures, name)) for name in plain}
    if figures.auc is not None and figures.floor_auc is not None:
        found |= {"auc": figures.auc.mid, "auc_low": figures.auc.low, "auc_high": figures.auc.high}
        found["floor_auc"] = figures.floor_auc.mid
    return found

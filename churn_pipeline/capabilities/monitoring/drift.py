"""How far features and scores moved from the champion's training data, against what chance alone does.

The distance is the population stability index (PSI, sum of (p - q) ln(p / q) over shared bins), the number Evidently
reports for the same bins. A fixed bound on it knows nothing of the sample size: PSI > 0.1 alarms on identical data
98 % of the time at 50 rows. Here the threshold of a feature is what re-dealing the very same rows to the two samples
exceeds only with probability `drift_false_alarm` / (number of columns): given the rows, the counts in the bins are then
multivariate hypergeometric, so the test is exact at any sample size and bin count (Fisher 1935, permutation test;
Bonferroni over columns). A shift that is certain but too small to matter is not called drift: see `drift_min_distance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.monitoring.bins import Binned, binned
from churn_pipeline.capabilities.monitoring.comparison import Comparison
from churn_pipeline.contracts.analytics import DRIFT
from churn_pipeline.contracts.derive.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

SCORE = "conversion_probability"
STATISTIC = "psi"
TAIL = 2
"""Re-dealings beyond the threshold: the more, the less the threshold depends on the draw."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One column: how far it moved, and how far it may move by chance."""

    feature: str
    distance: float
    threshold: float
    columns: Binned

    @property
    def drifted(self) -> bool:
        """Whether the distance is beyond the threshold."""
        return self.distance > self.threshold

    @property
    def multiple(self) -> float:
        """The distance as a multiple of the threshold; 0 for a column that cannot drift."""
        return self.distance / self.threshold if self.threshold else 0.0


@dataclass(frozen=True, slots=True)
class Drift:
    """All columns of a day."""

    shifts: tuple[Shift, ...]

    @property
    def farthest(self) -> tuple[Shift, ...]:
        """All columns, those that moved farthest beyond chance first: by distance as a multiple of the threshold."""
        return tuple(sorted(self.shifts, key=lambda s: (-s.multiple, s.feature)))

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted, farthest first."""
        return tuple(s.feature for s in self.farthest if s.drifted)

    @property
    def share(self) -> float:
        """Share of the features (the score aside) that drifted; 0 where none was compared."""
        features = [s for s in self.shifts if s.feature != SCORE]
        return sum(s.drifted for s in features) / len(features) if features else 0.0

    def __str__(self) -> str:
        """The same as a sentence."""
        if not self.shifts:
            return "not compared: no trial of the last days is at a trial day that the training data knows"
        features = sum(s.feature != SCORE for s in self.shifts)
        names = [name for name in self.drifted if name != SCORE]
        score = "; the scores moved" if SCORE in self.drifted else ""
        if not names:
            return f"none of {features} features drifted" + score
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        return f"{len(names)} of {features} features drifted ({shown})" + score


def measure(
    features: Comparison,
    scores: Comparison,
    names: Iterable[str],
    *,
    false_alarm: float,
    min_distance: float,
    rng: np.random.Generator,
) -> Drift:
    """The drift of the named features and of the scores.

    `features` compares snapshots that the champion was trained on with those of the last days; `scores` those it was
    *not* fitted on (scores of fitted rows are too sure of themselves), and only rows that carry a
    `conversion_probability` of the champion. `false_alarm` is the chance that any column is flagged where nothing
    moved. A column with one bin cannot drift and costs the others nothing.

    Raises:
        ValueError: a named feature is missing on either side; all of them at once.
    """
    columns = _cut(features, names)
    if scores:
        columns[SCORE] = binned(scores.reference[SCORE], scores.current[SCORE])
    tested = sum(len(column.labels) > 1 for column in columns.values())
    return Drift(
        tuple(
            Shift(
                name,
                float(psi(*column.counts())),
                max(min_distance, chance(*column.counts(), false_alarm=false_alarm / max(tested, 1), rng=rng)),
                column,
            )
            for name, column in columns.items()
        )
    )


def _cut(features: Comparison, names: Iterable[str]) -> dict[str, Binned]:
    if not features:
        return {}
    wanted = list(names)
    absent = {
        f"the {side}": [name for name in wanted if name not in frame.columns]
        for side, frame in (("training data", features.reference), ("current snapshots", features.current))
    }
    if any(absent.values()):
        raise ValueError(
            "drift: " + "; ".join(f"{side} has no column {', '.join(names)}" for side, names in absent.items() if names)
        )
    return {name: binned(features.reference[name], features.current[name]) for name in wanted}


def psi(reference: NDArray[np.int64], current: NDArray[np.int64]) -> NDArray[np.float64]:
    """Population stability index of bin counts, over the last axis.

    An empty bin is filled as Evidently 0.7 fills it: with 0.0001, or with a millionth of the least filled share where
    that is smaller still.

    >>> counts = np.array([40, 60]), np.array([60, 40])
    >>> round(float(psi(*counts)), 4)
    0.1622
    """
    p, q = _shares(reference), _shares(current)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1), dtype=np.float64)


def chance(
    reference: NDArray[np.int64], current: NDArray[np.int64], *, false_alarm: float, rng: np.random.Generator
) -> float:
    """The distance that re-dealing the same rows exceeds with at most this probability; 0 for a single bin."""
    if len(reference) < 2:
        return 0.0
    both = reference + current
    deals = int(np.ceil(TAIL / false_alarm))
    dealt = rng.multivariate_hypergeometric(both, int(current.sum()), size=deals, method="marginals")
    distances = np.sort(psi(both - dealt, dealt))
    # P(distance > TAIL-th largest of `deals`) <= TAIL / (deals + 1); a hair more, so that rounding breaks no tie
    return float(distances[-TAIL]) * (1 + 1e-9) + 1e-12


def rows(drift: Drift, *, as_of: datetime, model_version: str, run_id: str) -> pa.Table:
    """The drift of a day as rows of table `drift`; `model_version` is the champion whose training data was compared."""
    import pyarrow as pa

    return pa.Table.from_pylist(
        [
            {
                "as_of": as_of,
                "feature": shift.feature,
                "statistic": STATISTIC,
                "distance": shift.distance,
                "threshold": shift.threshold,
                "drifted": shift.drifted,
                "reference_rows": len(shift.columns.reference),
                "current_rows": len(shift.columns.current),
                "model_version": model_version,
                "run_id": run_id,
            }
            for shift in drift.shifts
        ],
        schema=arrow_schema(DRIFT),
    )


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    least = np.where(shares > 0, shares, np.inf).min(axis=-1, keepdims=True)
    return np.where(shares > 0, shares, np.where(least <= 0.0001, least / 1e6, 0.0001))

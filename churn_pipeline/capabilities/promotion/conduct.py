"""How a model behaves beside its scores: how long it takes for one trial, and whether its reasons stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from churn_pipeline.core.reasons import Explanation, reasons
from churn_pipeline.core.schema import FeatureSchema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

TIMED = 20
"""Trials that are scored and explained one by one; the median of so many is no matter of a moment."""
MOST_PAIRS = 200
"""Trials whose reasons are held against each other: enough to tell a mean cosine to some .02."""


class Explains(Protocol):
    """What has reasons for its scores."""

    @property
    def schema(self) -> FeatureSchema:
        """The features it uses."""

    def explain(self, frame: pd.DataFrame) -> Explanation:
        """Scores and reasons of each row."""


def milliseconds(
    model: Explains, frame: pd.DataFrame, *, rng: np.random.Generator, timer: Callable[[], float], timed: int = TIMED
) -> float:
    """Median time in which the model scores and explains one row of the frame, warm.

    `timer` tells seconds: of the processor, where other work on the machine shall not speak against the model.
    """
    drawn = frame.iloc[rng.integers(len(frame), size=timed + 1)]
    took = []
    for place in range(timed + 1):
        row = drawn.iloc[[place]]
        began = timer()
        reasons(model.explain(row), row, model.schema)
        took.append(timer() - began)
    # the first row loads what the others find loaded
    return float(np.median(took[1:])) * 1_000


def pairs(frame: pd.DataFrame, *, rng: np.random.Generator, most: int = MOST_PAIRS) -> pd.DataFrame:
    """Two consecutive looks, one below the other, at each of at most so many trials; no rows where no trial has two.

    `frame` has trial_id and as_of. Which trials, and which of their looks, is drawn.
    """
    ordered = frame.sort_values(["trial_id", "as_of"], kind="stable")
    trial = ordered["trial_id"].to_numpy(dtype=object)
    earlier = rng.permutation(np.flatnonzero(trial[1:] == trial[:-1]))
    _, one_each = np.unique(trial[earlier].astype(str), return_index=True)
    chosen = earlier[rng.permutation(one_each)[:most]]
    return ordered.iloc[np.column_stack([chosen, chosen + 1]).ravel()]


def alike(model: Explains, looks: pd.DataFrame) -> Numbers:
    """Of each two rows of `pairs` the cosine between their pushes: 1 where the reasons are in the same proportion, 0 where they share nothing.

    Reasons that are all 0 are like each other, and like no others.
    """
    pushes = model.explain(looks).pushes
    earlier, later = pushes[::2], pushes[1::2]
    size = np.linalg.norm(earlier, axis=1) * np.linalg.norm(later, axis=1)
    neither = ~earlier.any(axis=1) & ~later.any(axis=1)
    return np.where(neither, 1.0, (earlier * later).sum(axis=1) / np.where(size > 0, size, 1.0))

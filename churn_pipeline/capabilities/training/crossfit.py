"""Margins of rows by models that were not fitted on them, so that weights and calibration can be learnt from every trial before the test cohort.

A trial is dealt to one of a few folds, whole; each fold is judged by models that were fitted on the others (cross-fitting: van der Laan, Polley and Hubbard
2007, Super Learner). A cohort held out for this alone would cost a quarter of the trials, and where they are hundreds that is what a model lacks most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_pipeline.core.members import Member

    Matrix = NDArray[np.float64]

FOLDS = 5
MANY_ROWS = 50_000
"""Rows from which on two folds do: each half is enough to learn from, and five would take more than twice the time."""

SPREAD = 2_654_435_761
"""Of multiplicative hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4)."""

Fit = Callable[["Matrix", "Matrix"], "Member"]
"""Fits one kind of member on encoded rows and their labels."""


def out_of_fold(
    fits: Mapping[str, Fit], x: Matrix, y: Matrix, trials: NDArray[np.integer[Any]]
) -> dict[str, NDArray[np.float64]]:
    """For each kind of member the margin of every row by a fit on the trials of other folds; `trials` are numbers, one a trial."""
    fold = folds(trials)
    margins = {name: np.empty(len(y)) for name in fits}
    for number in np.unique(fold):
        held = fold == number
        for name, fit in fits.items():
            margins[name][held] = fit(x[~held], y[~held]).margin(x[held])
    return margins


def folds(trials: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """The fold of each row: that of its trial, by a hash of its number, so that no pattern of the ids becomes one of the folds.

    >>> folds(np.array([0, 0, 1, 2, 3])).tolist()
    [0, 0, 3, 0, 4]
    """
    scattered = np.asarray(trials, dtype=np.uint64) * np.uint64(SPREAD) % np.uint64(2**32)
    return np.asarray(scattered >> np.uint64(16)).astype(np.int64) % (FOLDS if len(trials) < MANY_ROWS else 2)

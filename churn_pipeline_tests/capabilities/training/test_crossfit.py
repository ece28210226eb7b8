from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from churn_pipeline.capabilities.training.crossfit import FOLDS, MANY_ROWS, folds, out_of_fold
from churn_pipeline.core.members import Member
from churn_pipeline.core.members.logistic import LogisticMember

RNG = np.random.default_rng(2)
TRIALS = np.repeat(np.arange(200), RNG.integers(1, 4, 200))
X = RNG.normal(size=(len(TRIALS), 3))
Y = (RNG.random(len(TRIALS)) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)


@dataclass
class Watched:
    """Fits a regression and remembers on which rows."""

    seen: list[set[float]] = field(default_factory=list)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Member:
        self.seen.append(set(x[:, 0].tolist()))
        return LogisticMember.fit(x, y, strength=1.0)


def test_no_row_is_judged_by_a_model_that_knows_its_trial() -> None:
    watched = Watched()
    margins = out_of_fold({"logistic": watched}, X, Y, TRIALS)
    assert len(watched.seen) == FOLDS
    for number, seen in enumerate(watched.seen):
        held = folds(TRIALS) == number
        assert seen == set(X[~held, 0].tolist())
        assert not set(TRIALS[held]) & set(TRIALS[~held])
        again = LogisticMember.fit(X[~held], Y[~held], strength=1.0)
        assert margins["logistic"][held].tolist() == again.margin(X[held]).tolist()


def test_every_trial_is_in_one_fold_and_the_folds_are_alike_in_size() -> None:
    fold = folds(TRIALS)
    assert {len(set(fold[trial == TRIALS])) for trial in np.unique(TRIALS)} == {1}
    sizes = np.bincount(fold)
    assert len(sizes) == FOLDS
    assert sizes.min() > 0.7 * sizes.mean()


@pytest.mark.parametrize(("rows", "expected"), [(MANY_ROWS - 1, FOLDS), (MANY_ROWS, 2)])
def test_where_rows_are_many_two_folds_do(rows: int, expected: int) -> None:
    assert len(np.unique(folds(np.arange(rows)))) == expected

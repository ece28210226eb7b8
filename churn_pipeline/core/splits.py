"""Cohorts: past trials cut by their start, oldest first, so that newer trials judge what older ones taught."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """A point in the order of trials: by start, ties by id. The id makes it exact where many start at one instant."""

    started_at: datetime
    trial_id: str

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} (trial {self.trial_id})"

    def to_json(self) -> list[str]:
        """The bound as JSON can hold it.

        >>> from datetime import UTC
        >>> bound = Bound(datetime(2024, 3, 1, tzinfo=UTC), "t7")
        >>> Bound.from_json(bound.to_json()) == bound
        True
        """
        return [self.started_at.isoformat(), self.trial_id]

    @classmethod
    def from_json(cls, written: list[str]) -> Bound:
        """The bound that `to_json` wrote."""
        started_at, trial_id = written
        return cls(datetime.fromisoformat(started_at), trial_id)


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Four disjoint sets of rows of one frame, oldest trials first; every row of a trial is in the same one.

    `learnt_until` is the newest trial of fit, `calibrated_until` the newest before the test cohort: a model
    that was made from these cohorts has seen nothing of a trial after `calibrated_until`.
    """

    fit: Rows
    validation: Rows
    calibration: Rows
    test: Rows
    learnt_until: Bound
    calibrated_until: Bound

    @property
    def development(self) -> Rows:
        """All that comes before the test cohort: what the final members learn from."""
        return self.fit | self.validation | self.calibration


def cohorts(frame: pd.DataFrame, *, validation: float, calibration: float, test: float) -> Cohorts:
    """Cut a frame (`trial_id`, `started_at`, any number of rows a trial) into cohorts of trials.

    The shares are of trials, not of rows. `test` is the newest, `calibration` comes before it, `validation` before
    that; the oldest rest is `fit`. The trials before the test cohort are floor((1 - test) * trials).

    Raises:
        ValueError: a cohort would be empty, or a trial has two starts.
    """
    trials = _in_order(frame)
    shares = {"fit": 1 - validation - calibration - test, "validation": validation, "calibration": calibration}
    ends = np.floor(np.cumsum(list(shares.values())) * len(trials) + 1e-9).astype(int)
    sizes = dict(zip((*shares, "test"), np.diff([0, *ends, len(trials)]), strict=True))
    empty = [name for name, size in sizes.items() if size < 1]
    if empty:
        raise ValueError(
            f"{len(trials)} trials cannot be cut into cohorts: nothing is left for {', '.join(empty)}.\n"
            f"  shares: validation {validation:g}, calibration {calibration:g}, test {test:g}, fit the rest\n"
            "  do:     wait for more matured trials, or change the shares in the settings"
        )
    place = frame["trial_id"].map(dict(zip(trials["trial_id"], range(len(trials)), strict=True))).to_numpy()
    group = np.searchsorted(ends, place, side="right")
    last = [_bound(trials, end - 1) for end in ends]
    fit, validation_rows, calibration_rows, test_rows = (np.asarray(group == number) for number in range(4))
    return Cohorts(
        fit,
        validation_rows,
        calibration_rows,
        test_rows,
        learnt_until=last[0],
        calibrated_until=last[2],
    )


def after(frame: pd.DataFrame, bound: Bound) -> Rows:
    """The rows of trials that come after `bound` in the order of trials."""
    started, ids = frame["started_at"], frame["trial_id"]
    later = (started > bound.started_at) | ((started == bound.started_at) & (ids > bound.trial_id))
    return np.asarray(later, dtype=bool)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    trials = frame[["trial_id", "started_at"]].drop_duplicates().sort_values(["started_at", "trial_id"])
    twice = sorted(trials["trial_id"][trials["trial_id"].duplicated()])
    if twice:
        raise ValueError(
            f"{len(twice)} trials have more than one started_at (first: {twice[0]}); a start never changes"
        )
    return trials


def _bound(trials: pd.DataFrame, place: int) -> Bound:
    return Bound(trials["started_at"].iloc[place].to_pydatetime(), str(trials["trial_id"].iloc[place]))

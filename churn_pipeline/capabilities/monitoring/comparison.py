"""Like with like: which snapshots of the training data and of the last days may be compared at all.

Two traps are avoided here, so that the test behind the drift alarm may treat its rows as independent draws:

- **The mix of days.** Training looks at a trial on a few landmarks, scoring looks at it daily, and counts grow with
  the trial day and move with the weekday. Both samples are therefore drawn to the same numbers in every stratum
  (trial day x weekday of `as_of`), exactly.
- **One trial, many snapshots.** The snapshots of one trial are near copies of each other. Each trial enters once, at
  a day that follows from its id and its start alone (label-blind: a trial that has converted by the chosen day is
  left out, not looked at on another day instead).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Compare = Callable[[pd.DataFrame, pd.DataFrame], "Comparison"]
    Weigh = Callable[[NDArray[np.int64]], NDArray[np.float64]]

LIMIT = 50_000
"""Most rows on either side: beyond it Evidently gets slow and a shift that is still missed does not matter."""

MOST_TIMES = 20
"""A reference of more than so many times the current rows adds under 5 % of precision."""

PICK, CUT = "churn-pick-a-day", "churn-cut-sample"
"""Keys (16 bytes) of the two hashes of a trial id: which day it is looked at, and who leaves when a stratum is cut."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two samples with one snapshot per trial and the same mix of trial days and weekdays."""

    reference: pd.DataFrame
    current: pd.DataFrame

    def __bool__(self) -> bool:
        """Whether anything can be compared."""
        return len(self.current) > 0


def comparable(reference: pd.DataFrame, current: pd.DataFrame, *, limit: int = LIMIT) -> Comparison:
    """The rows of both frames that can be compared; both may come out empty, where no trial day is shared.

    Both frames need `trial_id`, `as_of` (UTC) and `trial_day`. `limit` bounds the rows of either side.
    """
    landmarks = np.intersect1d(reference["trial_day"], current["trial_day"]).astype(np.int64)
    looked_at = np.unique(_day(current))
    now = _one_each(current, landmarks, lambda days: np.isin(days, looked_at).astype(np.float64))
    mix = _counts(now, landmarks)
    then = _one_each(reference, landmarks, lambda days: mix[np.arange(len(landmarks)), days % 7].astype(np.float64))
    kept, times = _balanced(mix, _counts(then, landmarks), limit)
    return Comparison(_cut(then, landmarks, kept * times), _cut(now, landmarks, kept))


def comparable_entities(reference: pd.DataFrame, current: pd.DataFrame) -> Comparison:
    """As `comparable`, of a team's own table: each entity by its newest row."""
    moment = current["as_of"].max()
    return comparable(_newest(reference).assign(as_of=moment), _newest(current).assign(as_of=moment))


def _newest(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("as_of", kind="stable").drop_duplicates("trial_id", keep="last")


def _one_each(frame: pd.DataFrame, landmarks: NDArray[np.int64], weigh: Weigh) -> pd.DataFrame:
    """Each trial at one landmark, drawn by its id with the weights of the days it would be looked at; or not at all."""
    trials = frame.drop_duplicates("trial_id")
    start = _day(trials) - trials["trial_day"].to_numpy(np.int64)
    weights = weigh(start[:, None] + landmarks[None, :])
    ends = np.cumsum(weights, axis=1)
    total = ends[:, -1] if len(landmarks) else np.zeros(len(trials))
    drawn = (ends <= (_share(trials, PICK) * total)[:, None]).sum(axis=1)
    possible = total > 0
    choice = dict(zip(trials["trial_id"][possible], landmarks[drawn[possible]], strict=True))
    chosen: pd.DataFrame = frame[frame["trial_day"] == frame["trial_id"].map(choice)]
    return chosen


def _balanced(current: NDArray[np.int64], reference: NDArray[np.int64], limit: int) -> tuple[NDArray[np.int64], int]:
    """Current rows to keep per stratum and the reference rows for each of them, so that the two mixes are equal.

    Of all whole ratios the one is taken that makes 1/n + 1/m, the noise of the comparison, smallest.
    """
    ratios = range(1, MOST_TIMES + 1)
    kept = [np.minimum(current, reference // times) for times in ratios]
    best = max(ratios, key=lambda times: kept[times - 1].sum() * times / (1 + times))
    rows = int(kept[best - 1].sum())
    most = limit // best
    return (kept[best - 1] * most // rows if rows > most else kept[best - 1]), best


def _cut(frame: pd.DataFrame, landmarks: NDArray[np.int64], keep: NDArray[np.int64]) -> pd.DataFrame:
    """At most `keep` rows of each stratum, those of the smallest hash."""
    stratum = _stratum(frame, landmarks)
    order = np.lexsort((_share(frame, CUT), stratum))
    ordered = stratum[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return frame.iloc[order[place < keep.ravel()[ordered]]].reset_index(drop=True)


def _counts(frame: pd.DataFrame, landmarks: NDArray[np.int64]) -> NDArray[np.int64]:
    cells = np.bincount(_stratum(frame, landmarks), minlength=7 * len(landmarks))
    return cells.astype(np.int64).reshape(len(landmarks), 7)


def _stratum(frame: pd.DataFrame, landmarks: NDArray[np.int64]) -> NDArray[np.int64]:
    strata: NDArray[np.int64] = np.searchsorted(landmarks, frame["trial_day"]).astype(np.int64) * 7 + _day(frame) % 7
    return strata


def _day(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Days since 1970 of `as_of`."""
    import pandas as pd

    since = pd.to_datetime(frame["as_of"], utc=True) - pd.Timestamp(0, tz="UTC")
    return np.asarray(since // pd.Timedelta(days=1), dtype=np.int64)


def _share(frame: pd.DataFrame, key: str) -> NDArray[np.float64]:
    """A number in [0, 1) that follows from the trial's id alone."""
    from pandas.util import hash_array

    hashes = hash_array(frame["trial_id"].to_numpy(object), hash_key=key, categorize=False)
    return (hashes >> np.uint64(11)).astype(np.float64) / 2.0**53

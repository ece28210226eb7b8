"""Columns cut into bins that two samples share: what the drift of a column is measured on and drawn from.

The bins follow from the two samples laid together, never from one of them: only then would any split of the same rows
have had the same bins, which is what makes the threshold of `drift` exact. A missing value is a bin of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST_NUMBERS = 10
"""Bins of a number: deciles, or each of its values where it has no more."""
MOST_LEVELS = 20
"""Bins of a category; rarer levels share one."""
UNKNOWN = "unknown"
RARE = "other levels"


@dataclass(frozen=True, slots=True)
class Binned:
    """One column of both samples as bin numbers, with the words for each bin."""

    labels: tuple[str, ...]
    reference: NDArray[np.int64]
    current: NDArray[np.int64]

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in each bin: of the reference, and of the current sample."""
        bins = len(self.labels)
        return (
            np.bincount(self.reference, minlength=bins).astype(np.int64),
            np.bincount(self.current, minlength=bins).astype(np.int64),
        )


def binned(reference: pd.Series, current: pd.Series) -> Binned:
    """Cut a column of two samples into shared bins: deciles of a number, levels of a category, and the unknown."""
    import pandas as pd

    both = pd.concat([reference, current], ignore_index=True)
    number = pd.api.types.is_numeric_dtype(both) or pd.api.types.is_bool_dtype(both)
    codes, labels = _numbers(both.to_numpy(np.float64)) if number else _levels(both)
    used, codes = np.unique(codes, return_inverse=True)
    return Binned(tuple(labels[i] for i in used), codes[: len(reference)], codes[len(reference) :])


def _numbers(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    known = values[np.isfinite(values)]
    tops = np.unique(known)
    if len(tops) > MOST_NUMBERS:
        shares = np.arange(1, MOST_NUMBERS) / MOST_NUMBERS
        tops = np.unique(np.append(np.quantile(known, shares, method="inverted_cdf"), known.max()))
    codes = np.where(np.isfinite(values), np.searchsorted(tops, values), len(tops))
    return codes.astype(np.int64), [*_ranges(known, tops), UNKNOWN]


def _ranges(known: NDArray[np.float64], tops: NDArray[np.float64]) -> list[str]:
    """The least and greatest value in each bin, in words."""
    ordered = np.sort(known)
    firsts = ordered[np.concatenate([[0], np.searchsorted(ordered, tops[:-1], side="right")])] if len(tops) else tops
    return [f"{low:.4g}" if low == top else f"{low:.4g} to {top:.4g}" for low, top in zip(firsts, tops, strict=True)]


def _levels(values: pd.Series) -> tuple[NDArray[np.int64], list[str]]:
    counts = values.dropna().astype(str).value_counts()
    ranked = sorted(counts.index, key=lambda level: (-int(counts[level]), level))
    kept = sorted(ranked[:MOST_LEVELS])
    place = {level: kept.index(level) if level in kept else len(kept) for level in ranked}
    codes = values.map(lambda v: place[str(v)], na_action="ignore").fillna(len(kept) + 1)
    return codes.to_numpy(np.int64), [*kept, RARE, UNKNOWN]

"""Moments and days of the simulated business, as whole numbers, and the arrays that hold them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SECOND = 1_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
"""Moments are whole milliseconds since 1970 (UTC)."""
MONTH = 30 * DAY
"""A month of a subscription."""
EPOCH = date(1970, 1, 1)
NEVER = int(np.iinfo(np.int64).max)
"""The moment of what never comes."""
ALWAYS = int(np.iinfo(np.int64).min)
"""A moment before everything."""


def day_number(day: date) -> int:
    """Days from 1970-01-01 to a day."""
    return (day - EPOCH).days


def midnight(day: date) -> datetime:
    """The midnight (UTC) at which a day begins."""
    return datetime.combine(day, time(), UTC)


def weekday(days: Whole) -> Whole:
    """Weekday (Monday = 0) of days since 1970-01-01, which was a Thursday."""
    return (days + 3) % 7


def place_in_run(sorted_: Whole) -> Whole:
    """Place of each entry among its equals, from 0, in a list in which equals stand together.

    >>> place_in_run(np.array([4, 4, 7, 7, 7])).tolist()
    [0, 1, 0, 1, 2]
    """
    index = np.arange(len(sorted_))
    begins = np.concatenate([[True], sorted_[1:] != sorted_[:-1]]) if len(sorted_) else np.zeros(0, bool)
    return index - np.maximum.accumulate(np.where(begins, index, 0))

"""Which model's score of a trial is shown while two are in production: the same every day, and in every later step."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def of_canary(trials: ArrayLike, *, canary: str, share: float) -> NDArray[np.bool_]:
    """Whether each trial is scored by version `canary`, which scores a `share` (0 to 1) of them.

    A trial has a place between 0 and 1, by a hash of its id and the version: what belongs to the canary at one share does at
    every larger one, and every version on trial is dealt other trials.

    >>> of_canary(["t1", "t2", "t3", "t4"], canary="7", share=0.5).tolist()
    [True, False, True, False]
    """
    return _place(trials, canary) < share


def _place(trials: ArrayLike, canary: str) -> NDArray[np.float64]:
    from pandas.util import hash_array

    key = sha256(canary.encode()).hexdigest()[:16]
    return np.asarray(hash_array(np.asarray(trials, dtype=object), hash_key=key, categorize=False) / 2.0**64)

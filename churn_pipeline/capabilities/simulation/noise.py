"""Random numbers by name: each is a function of the seed and of what it is for, never of what was drawn before.

So a draw for one trial stays what it is whatever is done to another, whenever it is asked for (counter-based random
numbers: Salmon, Moraes, Dror and Shaw 2011; mixed by splitmix64: Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.capabilities.simulation.calendar import Floats, Whole

STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniform(seed: int, purpose: str, *keys: Whole | int) -> Floats:
    """Uniform numbers strictly between 0 and 1: one for each combination of keys (arrays are broadcast).

    >>> uniform(7, "arm", np.array([3, 4])).round(3).tolist() == uniform(7, "arm", np.array([4, 3])).round(3).tolist()[::-1]
    True
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    state: NDArray[np.uint64] = np.array([int.from_bytes(digest)], np.uint64)
    for key in keys:
        state = _mix(state ^ (np.atleast_1d(np.asarray(key)).astype(np.uint64) * STEP + STEP))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, purpose: str, *keys: Whole | int) -> Floats:
    """Standard normal numbers, one for each combination of keys (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(seed, purpose + "/radius", *keys)))
    turned: Floats = radius * np.cos(2 * np.pi * uniform(seed, purpose + "/angle", *keys))
    return turned


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    mixed: NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed

"""Opaque ids: strings that say nothing about order, time or what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.capabilities.simulation.calendar import Whole

if TYPE_CHECKING:
    import pyarrow as pa

BITS = 40
DIGITS = BITS // 4
ROUNDS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Odd multipliers of splitmix64 (Steele, Lea and Flood 2014)."""

HEX = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], np.uint8).view(np.uint16).ravel()
"""The two digits of every byte, as the two bytes of one number."""
BLOCK = 1 << 16
"""Ids made at once: few enough to stay in the cache, which is four times as fast."""


def opaque(numbers: Whole, prefix: str) -> pa.StringArray:
    """Ids of `prefix` and ten hexadecimal digits; different numbers (0 to 2**40 - 1) have different ids.

    Each step is a bijection on 40 bits (an odd multiplication, a shifted xor), so no two numbers can meet.

    >>> opaque(np.array([0, 1, 2]), "t_").to_pylist()
    ['t_3d731d6bb8', 't_8290ea6e4e', 't_e271c7774b']
    """
    import pyarrow as pa

    width = len(prefix) + DIGITS
    text = np.empty((len(numbers), width), np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode(), np.uint8)
    for begin in range(0, len(numbers), BLOCK):
        text[begin : begin + BLOCK, len(prefix) :] = _digits(numbers[begin : begin + BLOCK], prefix)
    offsets = np.arange(0, width * (len(numbers) + 1), width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


def _digits(numbers: Whole, prefix: str) -> NDArray[np.uint8]:
    """The hexadecimal digits of the mixed numbers, as text: a row a number."""
    mask = np.uint64(2**BITS - 1)
    mixed = numbers.astype(np.uint64) + np.uint64(int.from_bytes(prefix.encode()[:4]))
    for factor in ROUNDS:
        mixed = mixed * np.uint64(factor) & mask
        mixed ^= mixed >> np.uint64(BITS // 2 - 1)
    pairs = mixed.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - BITS // 8 :]
    return HEX[pairs].view(np.uint8)

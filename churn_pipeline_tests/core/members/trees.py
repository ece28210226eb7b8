"""Rows to fit trees on, and Shapley values of a tree ensemble by brute force, from the dumped trees alone.

The value of a set of columns is what the trees answer who know these columns only: at a split on a column of the set
they follow the row, at any other they take both sides by the share of training rows (cover) that went there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, isnan

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.core.log_odds import probability


def rows(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eight columns with nulls and labels that depend on the first three; the last column never varies."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 8))
    x[rng.random((count, 8)) < 0.15] = np.nan
    x[:, 7] = 1.0
    known = np.nan_to_num(x, nan=0.5)
    return x, (rng.random(count) < probability(known[:, 0] * 2 - known[:, 1] * known[:, 2])).astype(float)


@dataclass(frozen=True)
class Node:
    """A leaf (`value`) or a split of `column`: rows for which `left(value)` holds go to `yes`, nulls where `null_left` says."""

    cover: float
    value: float = 0.0
    column: int = -1
    left: Callable[[float], bool] = bool
    null_left: bool = True
    yes: Node | None = None
    no: Node | None = None


def _answer(node: Node, row: Sequence[float], known: frozenset[int]) -> float:
    if node.yes is None or node.no is None:
        return node.value
    if node.column in known:
        value = row[node.column]
        goes_left = node.null_left if isnan(value) else node.left(value)
        return _answer(node.yes if goes_left else node.no, row, known)
    yes, no = (_answer(side, row, known) * side.cover for side in (node.yes, node.no))
    return (yes + no) / (node.yes.cover + node.no.cover)


def shapley(trees: Sequence[Node], row: Sequence[float]) -> list[float]:
    """The value of every column (Shapley 1953, over all subsets), then the value of knowing nothing."""
    columns = range(len(row))
    every = [frozenset(chosen) for size in range(len(row) + 1) for chosen in combinations(columns, size)]
    worth = {known: sum(_answer(tree, row, known) for tree in trees) for known in every}
    values = [
        sum(
            (worth[known | {column}] - worth[known]) / (len(row) * comb(len(row) - 1, len(known)))
            for known in every
            if column not in known
        )
        for column in columns
    ]
    return [*values, worth[frozenset()]]

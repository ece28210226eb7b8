"""A search space as data: where each parameter may lie, where a careful person begins, and how fine a grid is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

Parameter = int | float
Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Range:
    """One parameter: from `low` to `high`, both included, tried first at `first`, on a grid at so many `levels`, evenly spaced.

    A `log` range is searched and spaced by its logarithm; an `integer` one holds whole numbers alone.
    """

    name: str
    low: Parameter
    high: Parameter
    first: Parameter
    levels: int
    log: bool = False
    integer: bool = False

    def suggest(self, trial: optuna.Trial) -> Parameter:
        """The value that a tuning trial tries."""
        if self.integer:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def grid(self) -> tuple[Parameter, ...]:
        """Its levels, from low to high.

        >>> Range("min_child_weight", 1, 100, first=10, levels=3, log=True).grid()
        (1.0, 10.0, 100.0)
        >>> Range("max_depth", 2, 7, first=4, levels=3, integer=True).grid()
        (2, 4, 7)
        """
        import numpy as np

        spaced = np.geomspace if self.log else np.linspace
        levels = spaced(self.low, self.high, self.levels).tolist()
        return tuple(dict.fromkeys(self.nearest(level) for level in levels))

    def nearest(self, value: Parameter) -> Parameter:
        """The value of the range that is nearest.

        >>> Range("max_depth", 2, 6, first=4, levels=3, integer=True).nearest(8.0)
        6
        """
        within = min(max(value, self.low), self.high)
        return round(within) if self.integer else float(within)


@dataclass(frozen=True, slots=True)
class Space:
    """The parameters that a model is searched for."""

    ranges: tuple[Range, ...]

    @property
    def first(self) -> dict[str, Parameter]:
        """Where a search begins: the parameters a careful person would take."""
        return {each.name: each.first for each in self.ranges}

    def suggest(self, trial: optuna.Trial) -> dict[str, Parameter]:
        """The parameters of a tuning trial."""
        return {each.name: each.suggest(trial) for each in self.ranges}

    def grid(self) -> list[dict[str, Parameter]]:
        """Every combination of levels; the last range varies fastest."""
        names = [each.name for each in self.ranges]
        return [dict(zip(names, point, strict=True)) for point in product(*(each.grid() for each in self.ranges))]

    def nearest(self, parameters: Parameters) -> dict[str, Parameter]:
        """The point of the space that is nearest to parameters of another one: what it lacks is where a search begins.

        >>> Space((Range("depth", 2, 6, first=4, levels=3, integer=True),)).nearest({"depth": 9, "rounds": 100})
        {'depth': 6}
        """
        return {each.name: each.nearest(parameters.get(each.name, each.first)) for each in self.ranges}

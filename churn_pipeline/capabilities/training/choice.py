"""The choice among fitted members: the simplest one, unless a richer one is better by more than noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.core.blend import fit_blend
from churn_pipeline.core.gain import gain
from churn_pipeline.core.log_odds import losses

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

CONFIDENCE = 0.8
RESAMPLES = 500
LEAST_WEIGHT = 0.01
"""Of a member alone: what tells nothing still ranks, and its scores are all but the base rate."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Log-odds = intercept + sum of weight x margin of the members named; `loss` is the log loss on the rows it was chosen on."""

    name: str
    weights: Mapping[str, float]
    intercept: float
    loss: float

    def margin(self, margins: Mapping[str, Numbers]) -> Numbers:
        """Its own margin, of those of the members."""
        total = np.full(len(next(iter(margins.values()))), self.intercept)
        for name, weight in self.weights.items():
            total += weight * margins[name]
        return total


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate that was chosen, and all that were considered, the simplest first."""

    chosen: Candidate
    considered: tuple[Candidate, ...]


def choose(margins: Mapping[str, Numbers], labels: Numbers, *, groups: ArrayLike, rng: np.random.Generator) -> Choice:
    """The candidate to go on with, from margins of rows that the members were not fitted on; the first member named is the floor.

    Considered are the floor, the best other member, and the non-negative blend of all on log-odds; each alone is blended with the base rate, too: what tells
    little weighs little. A richer candidate
    is taken only if the lower end of its gain over the simpler one is above 0 (bootstrap over trials, 80 %): a blend
    that wins by luck would lose to the floor on the test cohort and leave the business with no model at all.
    """
    floor, *others = (_single(name, margin, labels) for name, margin in margins.items())
    ladder = [floor]
    if others:
        ladder += [min(others, key=lambda candidate: candidate.loss), _blend(margins, labels)]
    chosen = floor
    for richer in ladder[1:]:
        found = gain(
            losses(chosen.margin(margins), labels),
            losses(richer.margin(margins), labels),
            groups=groups,
            rng=rng,
            resamples=RESAMPLES,
            confidence=CONFIDENCE,
        )
        chosen = richer if found.low > 0 else chosen
    return Choice(chosen, (floor, *others, *ladder[2:]))


def _single(name: str, margin: Numbers, labels: Numbers) -> Candidate:
    found = fit_blend(margin[:, None], labels)
    (weight,) = found.weights
    return Candidate(name, {name: max(weight, LEAST_WEIGHT)}, found.intercept, found.loss)


def _blend(margins: Mapping[str, Numbers], labels: Numbers) -> Candidate:
    found = fit_blend(np.column_stack(list(margins.values())), labels)
    weights = {name: weight for name, weight in zip(margins, found.weights, strict=True) if weight > 0}
    return Candidate("blend", weights, found.intercept, found.loss)

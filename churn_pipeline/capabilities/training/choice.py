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


@dataclass(frozen=True, slots=True)
class Candidate:
    """Log-odds = intercept + sum of weight x margin of the members named; `loss` is the log loss on validation."""

    name: str
    weights: Mapping[str, float]
    intercept: float
    loss: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate that was chosen, and all that were considered, the simplest first."""

    chosen: Candidate
    considered: tuple[Candidate, ...]


def choose(margins: Mapping[str, Numbers], labels: Numbers, *, groups: ArrayLike, rng: np.random.Generator) -> Choice:
    """The candidate to go on with, from the members' margins on validation; the first member named is the floor.

    Considered are the floor, the best other member, and the non-negative blend of all on log-odds. A richer candidate
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
            _losses(chosen, margins, labels),
            _losses(richer, margins, labels),
            groups=groups,
            rng=rng,
            resamples=RESAMPLES,
            confidence=CONFIDENCE,
        )
        chosen = richer if found.low > 0 else chosen
    return Choice(chosen, (floor, *others, *ladder[2:]))


def _single(name: str, margin: Numbers, labels: Numbers) -> Candidate:
    return Candidate(name, {name: 1.0}, 0.0, float(losses(margin, labels).mean()))


def _blend(margins: Mapping[str, Numbers], labels: Numbers) -> Candidate:
    found = fit_blend(np.column_stack(list(margins.values())), labels)
    weights = {name: weight for name, weight in zip(margins, found.weights, strict=True) if weight > 0}
    return Candidate("blend", weights, found.intercept, found.loss)


def _losses(candidate: Candidate, margins: Mapping[str, Numbers], labels: Numbers) -> Numbers:
    total = np.full(len(labels), candidate.intercept)
    for name, weight in candidate.weights.items():
        total += weight * margins[name]
    return losses(total, labels)

"""The small neural network that competes with the boosters, and how it is fitted.

Several networks that differ in their first weights see the same batches and are averaged, by Adam with decoupled decay (Kingma and Ba 2015; Loshchilov
and Hutter 2019). What is judged and kept is the running mean of the weights (Polyak and Juditsky 1992), so that a round is not better or worse by its last batch. Seeds are fixed: with
as many threads of the linear algebra (`algebra.one_thread`) the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from churn_pipeline.capabilities.training.learners import Material, Stopped, Watch
from churn_pipeline.capabilities.training.space import Parameter, Space
from churn_pipeline.capabilities.training.spaces import network_space
from churn_pipeline.core.log_odds import log_odds, losses
from churn_pipeline.core.members.logistic import Preparation
from churn_pipeline.core.members.network import Inputs, Layers, NetworkMember, sigmoid, silu, silu_slope

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_pipeline.core.members import Member

    Matrix = NDArray[np.float64]
    Single = NDArray[np.float32]

NETWORKS = 2
BATCH = 256
ROUND = (2, 16)
"""Least and most batches that are learnt from between two looks at validation; between them a quarter of the rows, so that more rows are learnt from longer."""
MOST_ROUNDS = 200
PATIENCE = 20
"""Rounds without a better loss on validation after which a fit stops."""
MOST_ROWS = 100_000
"""Rows, drawn by seed, that a network learns from; no fit is long enough to see many more."""
JUDGED = 8_192
"""Rows of validation, drawn by seed, that say when to stop."""
MEMORY = 0.99
"""Of the running mean of the weights, once it has begun."""
MOMENTS = (0.9, 0.999)
TINY = 1e-8
WARM_STEPS = 50
"""Steps over which the learning rate rises."""


@dataclass(frozen=True)
class Network:
    """A mean of networks with one hidden layer."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    code: ClassVar[tuple[Any, ...]] = (Preparation, losses)

    seed: int
    name: str = "network"
    searched: float = 1 / 3
    """What it is fitted with tells less than which rows it sees."""

    @property
    def space(self) -> Space:
        """Where it is searched for parameters."""
        return network_space()

    def fit_stopped(
        self, material: Material, parameters: Mapping[str, Parameter], watch: Watch | None = None
    ) -> Stopped:
        """A fit that stops when validation does; `watch` is told the loss after every round."""
        rows, judged = self._read(material)
        learning = _Learning.begun(rows, parameters, seed=self.seed)
        best, kept, rounds = np.inf, learning.layers(), 0
        for done in range(1, MOST_ROUNDS + 1):
            learning.round()
            layers = learning.layers()
            loss = float(losses(_margin(layers, judged.given), judged.y).mean())
            if watch:
                watch(done, loss)
            if loss < best:
                best, kept, rounds = loss, layers, done
            if done - rounds >= PATIENCE:
                break
        member = NetworkMember.of(rows.inputs, kept)
        lost = losses(member.margin(material.x_validation), material.y_validation)
        return Stopped(member, rounds, float(lost.mean()))

    def fit(self, x: Matrix, y: Matrix, parameters: Mapping[str, Parameter], *, rounds: int) -> Member:
        """A fit of so many rounds."""
        rows = self._drawn(x, y)
        learning = _Learning.begun(rows, parameters, seed=self.seed)
        for _ in range(rounds):
            learning.round()
        return NetworkMember.of(rows.inputs, learning.layers())

    def _drawn(self, x: Matrix, y: Matrix) -> _Read:
        drawn = _draw(len(x), MOST_ROWS, self.seed)
        inputs = Inputs.learn(x[drawn])
        return _Read.by(inputs, x[drawn], y[drawn])

    def _read(self, material: Material) -> tuple[_Read, _Read]:
        if self.name not in material.cache:
            rows = self._drawn(material.x, material.y)
            drawn = _draw(len(material.x_validation), JUDGED, self.seed)
            judged = _Read.by(rows.inputs, material.x_validation[drawn], material.y_validation[drawn])
            material.cache[self.name] = (rows, judged)
        found: tuple[_Read, _Read] = material.cache[self.name]
        return found


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows as a network reads them."""

    inputs: Inputs
    given: Single = field(repr=False)
    y: Single = field(repr=False)

    @classmethod
    def by(cls, inputs: Inputs, x: Matrix, y: Matrix) -> _Read:
        return cls(inputs, inputs.apply(x).astype(np.float32), y.astype(np.float32))


@dataclass(slots=True)
class _Learning:
    """Networks while they learn: weights (inputs, networks x units), biases, slopes (networks, units), intercepts."""

    rows: _Read
    rate: float
    decay: float
    rng: np.random.Generator
    weights: list[Single]
    means: list[Single]
    """The running mean of each of the weights."""
    moments: list[tuple[Single, Single]]
    steps: int = 0

    @classmethod
    def begun(cls, rows: _Read, parameters: Mapping[str, Parameter], *, seed: int) -> _Learning:
        """Networks that all but say the base rate."""
        rng = np.random.default_rng(seed)
        inputs, units = rows.given.shape[1], int(parameters["units"])
        share = (rows.y.sum() + 0.5) / (len(rows.y) + 1)
        weights = [
            rng.normal(size=(inputs, NETWORKS * units)) / np.sqrt(inputs),
            np.zeros(NETWORKS * units),
            rng.normal(size=(NETWORKS, units)) * 0.1 / np.sqrt(units),
            np.full(NETWORKS, log_odds(share)),
        ]
        single = [part.astype(np.float32) for part in weights]
        return cls(
            rows,
            float(parameters["learning_rate"]),
            float(parameters["decay"]),
            rng,
            single,
            [part.copy() for part in single],
            [(np.zeros_like(part), np.zeros_like(part)) for part in single],
        )

    def round(self) -> None:
        """Learn from a quarter of the rows within the bounds of `ROUND`, in batches."""
        count = len(self.rows.y)
        batches = int(np.clip(count // (4 * BATCH), *ROUND))
        drawn = [self.rng.permutation(count) for _ in range(-(-batches * BATCH // count))]
        for batch in np.split(np.concatenate(drawn)[: batches * BATCH], batches):
            self._step(self._gradients(self.rows.given[batch], self.rows.y[batch]))

    def layers(self) -> Layers:
        """The networks averaged: one, whose hidden layer is all of theirs."""
        weights, biases, slopes, intercepts = self.means
        return Layers(weights.copy(), biases.copy(), slopes.ravel() / NETWORKS, float(intercepts.mean()))

    def _gradients(self, given: Single, y: Single) -> list[Single]:
        """Of the mean log loss of each network."""
        weights, biases, slopes, intercepts = self.weights
        reached = given @ weights + biases
        shape = (len(y), *slopes.shape)
        said = silu(reached).reshape(shape)
        missed = (sigmoid((said * slopes).sum(axis=2) + intercepts) - y[:, None]) / np.float32(len(y))
        back = (missed[:, :, None] * slopes).reshape(reached.shape) * silu_slope(reached)
        return [
            given.T @ back,
            back.sum(axis=0),
            np.asarray((missed[:, :, None] * said).sum(axis=0)),
            missed.sum(axis=0),
        ]

    def _step(self, gradients: list[Single]) -> None:
        self.steps += 1
        rate = self.rate * min(1.0, self.steps / WARM_STEPS)
        memory = min(MEMORY, (1 + self.steps) / (10 + self.steps))
        first, second = MOMENTS
        scale, spread = 1 / (1 - first**self.steps), 1 / (1 - second**self.steps)
        for part, mean, (drift, size), gradient in zip(self.weights, self.means, self.moments, gradients, strict=True):
            drift += (1 - first) * (gradient - drift)
            size += (1 - second) * (gradient * gradient - size)
            if part.ndim > 1:  # what sets a level is not shrunk
                part *= 1 - rate * self.decay
            part -= rate * scale * drift / (np.sqrt(spread * size) + TINY)
            mean += (1 - memory) * (part - mean)


def _margin(layers: Layers, given: Single) -> NDArray[Any]:
    return np.asarray(silu(given @ layers.weights + layers.biases) @ layers.slopes + layers.intercept)


def _draw(count: int, most: int, seed: int) -> NDArray[np.integer[Any]] | slice:
    """At most so many rows, in their order."""
    return slice(None) if count <= most else np.sort(np.random.default_rng([seed, 1]).permutation(count)[:most])

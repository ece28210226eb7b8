"""A small neural network with one smooth hidden layer, explained by integrated gradients (Sundararajan, Taly and Yan 2017) in closed form."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from churn_pipeline.core.log_odds import chunks
from churn_pipeline.core.members import MemberError
from churn_pipeline.core.members.logistic import Preparation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

FILE = "network.npz"
BOUND = 3.0
"""What no input exceeds: a value far from all that training saw says no more than a far one."""
NEAR = 1e-5
"""A way of a unit below which the slope at its middle is more exact than a quotient of differences."""
PREPARED = {"logged": np.bool_, "mean": np.float64, "scale": np.float64, "missing": np.float64}
"""The fields of `Preparation`."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """How encoded columns become what the network reads: standardised, with missing flags, squashed within +-`BOUND`, centred."""

    preparation: Preparation
    used: NDArray[np.bool_] = field(repr=False, compare=False)
    """Which of the standardised columns, then of the missing flags, varied in training; the network reads no others."""
    centre: Matrix = field(repr=False, compare=False)
    """The mean of each of those in training."""

    @classmethod
    def learn(cls, x: Matrix) -> Self:
        """The inputs whose mean over the rows of `x` is 0."""
        preparation = Preparation.learn(x)
        used, total = np.zeros(2 * x.shape[1], dtype=np.bool_), np.zeros(2 * x.shape[1])
        for rows in chunks(len(x)):
            prepared = preparation.apply(x[rows])
            used |= prepared.any(axis=0)
            total += _squashed(prepared).sum(axis=0)
        return cls(preparation, used, total[used] / len(x))

    def apply(self, x: Matrix) -> Matrix:
        """(rows, inputs)."""
        # laid out by rows: what a row is given must not depend on how many there are, and columns picked by a mask lie otherwise
        return np.ascontiguousarray(_squashed(self.preparation.apply(x)[:, self.used]) - self.centre)

    def by_column(self, pushes: Matrix) -> Matrix:
        """Pushes of inputs, that of a missing flag added to its column's: (rows, columns); 0 for a column that is not used."""
        every = np.zeros((len(pushes), len(self.used)))
        every[:, self.used] = pushes
        columns = len(self.used) // 2
        return every[:, :columns] + every[:, columns:]


@dataclass(frozen=True, slots=True)
class Layers:
    """Log-odds = intercept + sum over units of slope x silu(bias + inputs @ weights)."""

    weights: NDArray[Any] = field(repr=False)
    """(inputs, units)."""
    biases: NDArray[Any] = field(repr=False)
    slopes: NDArray[Any] = field(repr=False)
    intercept: float


@dataclass(frozen=True)
class NetworkMember:
    """A network, kept as the bytes of NumPy's archive."""

    name: ClassVar[str] = "network"
    library: ClassVar[str] = "numpy"

    model: bytes = field(repr=False)

    @classmethod
    def of(cls, inputs: Inputs, layers: Layers) -> Self:
        """The network of these layers over these inputs.

        Raises:
            MemberError: they do not fit together, or are not finite.
        """
        prepared = asdict(inputs.preparation)
        content = io.BytesIO()
        np.savez(  # its files are all of 1980: the same arrays are the same bytes
            content,
            allow_pickle=False,
            **{name: np.array(prepared[name], dtype=kind) for name, kind in PREPARED.items()},
            used=inputs.used,
            centre=inputs.centre,
            weights=np.asarray(layers.weights, dtype=np.float64),
            biases=np.asarray(layers.biases, dtype=np.float64),
            slopes=np.asarray(layers.slopes, dtype=np.float64),
            intercept=np.array(layers.intercept, dtype=np.float64),
        )
        return cls.read({FILE: content.getvalue()})

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        return _read(self.model)

    @cached_property
    def inputs(self) -> Inputs:
        """What it reads."""
        prepared = {name: tuple(self._arrays[name].tolist()) for name in PREPARED}
        return Inputs(Preparation(**prepared), self._arrays["used"], self._arrays["centre"])

    @cached_property
    def layers(self) -> Layers:
        """What it makes of that."""
        weights, biases, slopes = (self._arrays[name] for name in ("weights", "biases", "slopes"))
        return Layers(weights, biases, slopes, float(self._arrays["intercept"]))

    def margin(self, x: Matrix) -> Matrix:
        """Log-odds: (rows,).

        By a product of its own for each row (`vecmat`): in one of many the rounding of a row depends on those beside it.
        """
        found, layers = np.empty(len(x)), self.layers
        for rows in chunks(len(x)):
            reached = silu(layers.biases + np.vecmat(self.inputs.apply(x[rows]), layers.weights))
            found[rows] = layers.intercept + (reached * layers.slopes).sum(axis=1)
        return found

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """Integrated gradients from the mean of training, where every input is 0: base, and pushes (rows, encoded columns).

        On the straight way from there what a unit is given moves evenly, so that the integral of its gradient is the difference of
        silu at both ends over the way: nothing is left to a number of nodes, and base + pushes = margin up to rounding.
        """
        layers = self.layers
        base = layers.intercept + float((silu(layers.biases) * layers.slopes).sum())
        back, pushes = np.ascontiguousarray(layers.weights.T), np.empty(x.shape)
        for rows in chunks(len(x)):
            given = self.inputs.apply(x[rows])
            slopes = _mean_slope(layers.biases, np.vecmat(given, layers.weights)) * layers.slopes
            pushes[rows] = self.inputs.by_column(given * np.vecmat(slopes, back))
        return base, pushes

    def files(self) -> dict[str, bytes]:
        """The model as NumPy's archive."""
        return {FILE: self.model}

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Self:
        """The model of `files`.

        Raises:
            MemberError: the file is no archive of what a network has.
        """
        member = cls(files[FILE])
        _ = member._arrays
        return member


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-z)) in the precision of `z`, without overflow.

    >>> sigmoid(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * z))


def silu(z: NDArray[Any]) -> NDArray[Any]:
    """z times its sigmoid (Elfwing, Uchibe and Doya 2018).

    >>> silu(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.0, 800.0]
    """
    return np.asarray(z * sigmoid(z))


def silu_slope(z: NDArray[Any]) -> NDArray[Any]:
    """The derivative of `silu`.

    >>> silu_slope(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.5, 1.0]
    """
    share = sigmoid(z)
    return np.asarray(share * (1 + z * (1 - share)))


def _squashed(prepared: Matrix) -> Matrix:
    return prepared / np.sqrt(1 + (prepared / BOUND) ** 2)


def _mean_slope(start: Matrix, way: Matrix) -> Matrix:
    """The mean of the slope of silu between `start` and `start + way`."""
    near = np.abs(way) < NEAR
    quotient = (silu(start + way) - silu(start)) / np.where(near, 1.0, way)
    return np.where(near, silu_slope(start + way / 2), quotient)


def _read(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an archive, if they are those of a network."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as opened:
            arrays = {name: np.asarray(opened[name]) for name in opened.files}
    except (
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        OSError,
        LookupError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        raise MemberError(f"{FILE} is not NumPy's archive of arrays: {error}") from error
    offences = _offences(arrays)
    if offences:
        raise MemberError(f"{FILE} does not hold a network: {'; '.join(offences)}")
    return arrays


def _offences(arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """What is missing, of another type or shape than the others ask for, or not finite."""
    columns, units = (arrays[name].size if name in arrays else 0 for name in ("logged", "biases"))
    inputs = int(np.count_nonzero(arrays["used"])) if "used" in arrays else 0
    wanted: dict[str, tuple[Any, tuple[int, ...]]] = {
        **{name: (kind, (columns,)) for name, kind in PREPARED.items()},
        "used": (np.bool_, (2 * columns,)),
        "centre": (np.float64, (inputs,)),
        "weights": (np.float64, (inputs, units)),
        "biases": (np.float64, (units,)),
        "slopes": (np.float64, (units,)),
        "intercept": (np.float64, ()),
    }
    odd = sorted(wanted.keys() ^ arrays.keys())
    return [f"{name} is {'missing' if name in wanted else 'not part of it'}" for name in odd] + [
        f"{name} is {found.dtype} {found.shape}; allowed: finite {np.dtype(wanted[name][0])} {wanted[name][1]}"
        for name, found in arrays.items()
        if name in wanted
        and not (found.dtype == wanted[name][0] and found.shape == wanted[name][1] and np.isfinite(found).all())
    ]

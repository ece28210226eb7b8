"""What training asks of a kind of member that is searched for parameters: a boosting library, the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from churn_pipeline.capabilities.training.space import Parameter, Space
from churn_pipeline.capabilities.training.tuning import watcher

if TYPE_CHECKING:
    import numpy as np
    import optuna
    from numpy.typing import NDArray

    from churn_pipeline.core.members import Member

    Matrix = NDArray[np.float64]

Watch = Callable[[int, float], None]


@dataclass(frozen=True)
class Material:
    """Encoded rows and labels to fit on, and those that say when to stop."""

    x: Matrix
    y: Matrix
    x_validation: Matrix
    y_validation: Matrix
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Rows as each learner reads them: binning costs more than a small fit, and all tuning trials share it."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A fit that stopped by itself: the member, its rounds, and its log loss on validation."""

    member: Member
    rounds: int
    loss: float


class Learner(Protocol):
    """A kind of member as training sees it: it learns in rounds, and validation says when to stop."""

    libraries: ClassVar[tuple[str, ...]]
    """The packages whose versions a fit may depend on."""
    code: ClassVar[tuple[Any, ...]]
    """What of our own code its fits go through, besides its module and that of its member: modules, classes or functions."""

    @property
    def name(self) -> str:
        """Name of the kind of member."""
        ...

    @property
    def seed(self) -> int:
        """Seed of its search and its fits."""
        ...

    @property
    def space(self) -> Space:
        """Where it is searched for parameters."""
        ...

    @property
    def searched(self) -> float:
        """The share of the tuning trials asked for that its search takes."""
        ...

    def fit_stopped(
        self, material: Material, parameters: Mapping[str, Parameter], watch: Watch | None = None
    ) -> Stopped:
        """A fit that stops when validation does; `watch` is told the loss after every round."""
        ...

    def fit(self, x: Matrix, y: Matrix, parameters: Mapping[str, Parameter], *, rounds: int) -> Member:
        """A fit of so many rounds."""
        ...


def objective(learner: Learner, material: Material) -> Callable[[optuna.Trial], float]:
    """What a tuning trial does: fit with what it suggests, and give the log loss on validation."""

    def loss(trial: optuna.Trial) -> float:
        stopped = learner.fit_stopped(material, learner.space.suggest(trial), watcher(trial))
        trial.set_user_attr("rounds", stopped.rounds)
        return stopped.loss

    return loss

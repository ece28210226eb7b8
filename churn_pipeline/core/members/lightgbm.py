"""A gradient-boosted model of LightGBM (Ke et al. 2017), explained by path-dependent TreeSHAP (Lundberg et al. 2020)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from churn_pipeline.core.members import MemberError

if TYPE_CHECKING:
    import lightgbm
    from numpy.typing import NDArray

FILE = "lightgbm.txt"


@dataclass(frozen=True)
class LightGBMMember:
    """A binary booster, kept as its model text."""

    name: ClassVar[str] = "lightgbm"
    library: ClassVar[str] = "lightgbm"

    model: str
    n_jobs: int = 1

    @classmethod
    def of(cls, booster: lightgbm.Booster, *, n_jobs: int = 1) -> Self:
        """The booster up to its best round, if early stopping named one.

        Raises:
            MemberError: the booster does not give log-odds of two classes.
        """
        text = booster.model_to_string(num_iteration=booster.best_iteration if booster.best_iteration > 0 else -1)
        objective = next((line for line in text.splitlines() if line.startswith("objective=")), "objective=none")
        if not objective.startswith("objective=binary") or "sigmoid:1" not in objective.split():
            raise MemberError(f"LightGBM model has {objective}; allowed: objective=binary sigmoid:1")
        # the model does not depend on how many threads made it, so neither do its bytes
        return cls(re.sub(r"(?m)^\[num_threads: \d+\]$", "[num_threads: 1]", text), n_jobs)

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """The loaded booster."""
        import lightgbm

        return lightgbm.Booster(model_str=self.model)

    def margin(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds: (rows,)."""
        if not len(x):
            return np.zeros(0)
        return np.asarray(self.booster.predict(x, raw_score=True, num_threads=self.n_jobs), dtype=np.float64)

    def contributions(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Base (the mean margin by the trees' own counts) and SHAP values (rows, encoded columns)."""
        # the base is the same for every row; a row of nothing gives it where there are no rows
        given = x if len(x) else np.full((1, x.shape[1]), np.nan)
        values = np.asarray(self.booster.predict(given, pred_contrib=True, num_threads=self.n_jobs), dtype=np.float64)
        return float(values[0, -1]), values[: len(x), :-1]

    def files(self) -> dict[str, bytes]:
        """The model as LightGBM's text."""
        return {FILE: self.model.encode()}

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Self:
        """The model of `files`.

        Raises:
            MemberError: the text does not hold the trees that its head promises.
        """
        text = files[FILE].decode()
        _check_whole(text)
        return cls(text)


def _check_whole(text: str) -> None:
    """Refuse a text that was cut off: LightGBM reads trees where the head says that they lie, beyond the end too, and ends the process."""
    promised = re.search(r"^tree_sizes=([\d ]*)$", text, re.MULTILINE)
    held = text.find("\nend of trees\n") - text.find("\nTree=0\n")
    if promised is None or held != sum(map(int, promised[1].split())):
        raise MemberError(
            "the text of the LightGBM model is not whole: its trees do not have the bytes that its head promises (tree_sizes)"
        )

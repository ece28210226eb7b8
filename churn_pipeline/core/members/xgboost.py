"""A gradient-boosted model of XGBoost (Chen and Guestrin 2016), explained by path-dependent TreeSHAP (Lundberg et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from churn_pipeline.core.members import MemberError

if TYPE_CHECKING:
    import xgboost
    from numpy.typing import NDArray

FILE = "xgboost.ubj"


@dataclass(frozen=True)
class XGBoostMember:
    """A binary booster, kept as its UBJ bytes. It computes in 32-bit floats: pushes add up to about 5e-6."""

    name: ClassVar[str] = "xgboost"
    library: ClassVar[str] = "xgboost"

    model: bytes
    n_jobs: int = 1

    @classmethod
    def of(cls, booster: xgboost.Booster, *, n_jobs: int = 1) -> Self:
        """The booster up to its best round, if early stopping named one.

        Raises:
            MemberError: the booster does not give log-odds of two classes.
        """
        best = booster.attr("best_iteration")
        kept = booster[: int(best) + 1] if best is not None else booster
        member = cls(bytes(kept.save_raw("ubj")), n_jobs)
        member.check()
        return member

    def check(self) -> None:
        """Refuse a booster whose margin is not the log-odds of two classes.

        Raises:
            MemberError: see above.
        """
        import json

        objective = json.loads(self.booster.save_config())["learner"]["objective"]["name"]
        if objective not in ("binary:logistic", "binary:logitraw"):
            raise MemberError(f"XGBoost objective is {objective}; allowed: binary:logistic, binary:logitraw")

    @cached_property
    def booster(self) -> xgboost.Booster:
        """The loaded booster."""
        import xgboost

        return xgboost.Booster({"nthread": self.n_jobs}, model_file=bytearray(self.model))

    def margin(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds: (rows,)."""
        if not len(x):
            return np.zeros(0)
        return np.asarray(self.booster.predict(self._matrix(x), output_margin=True), dtype=np.float64)

    def contributions(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Base (the mean margin by the trees' own covers) and SHAP values (rows, encoded columns)."""
        # the base is the same for every row; a row of nothing gives it where there are no rows
        given = x if len(x) else np.full((1, x.shape[1]), np.nan)
        values = np.asarray(self.booster.predict(self._matrix(given), pred_contribs=True), dtype=np.float64)
        return float(values[0, -1]), values[: len(x), :-1]

    def _matrix(self, x: NDArray[np.float64]) -> xgboost.DMatrix:
        import xgboost

        return xgboost.DMatrix(x, nthread=self.n_jobs)

    def files(self) -> dict[str, bytes]:
        """The model as UBJ."""
        return {FILE: self.model}

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Self:
        """The model of `files`."""
        return cls(files[FILE])

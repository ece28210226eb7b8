"""The boosting libraries that compete, and how each is fitted.

Fixed seeds, so that the same rows give the same bytes; as far as was seen, and a test looks, with any number of threads. Histograms have 63 bins: on usage counts that costs
nothing that a test cohort can see, and a fit takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from churn_pipeline.capabilities.training.learners import Material, Stopped, Watch
from churn_pipeline.capabilities.training.space import Parameter, Space
from churn_pipeline.capabilities.training.spaces import lightgbm_space, xgboost_space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn_pipeline.core.members import Member

    Matrix = NDArray[np.float64]

BINS = 63
MOST_ROUNDS = 400
PATIENCE = 30
"""Rounds without a better loss on validation after which a fit stops."""

THREADED_CELLS = 5_000_000
"""Rows times columns below which a second thread costs more than it brings."""


@dataclass(frozen=True)
class XGBoost:
    """XGBoost (Chen and Guestrin 2016), histogram trees."""

    libraries: ClassVar[tuple[str, ...]] = ("xgboost",)
    code: ClassVar[tuple[Any, ...]] = ()
    seed: int
    threads: int = 1
    name: str = "xgboost"
    searched: float = 1.0

    @property
    def space(self) -> Space:
        """Where it is searched for parameters."""
        return xgboost_space()

    def fit_stopped(
        self, material: Material, parameters: Mapping[str, Parameter], watch: Watch | None = None
    ) -> Stopped:
        """A fit that stops when validation does; `watch` is told the loss after every round."""
        import xgboost

        from churn_pipeline.core.members.xgboost import XGBoostMember

        rows, judged = self._binned(material)
        booster = xgboost.train(
            self._all(parameters),
            rows,
            MOST_ROUNDS,
            evals=[(judged, "validation")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
            callbacks=[_told(watch)] if watch else None,
        )
        return Stopped(XGBoostMember.of(booster), int(booster.best_iteration) + 1, float(booster.best_score))

    def fit(self, x: Matrix, y: Matrix, parameters: Mapping[str, Parameter], *, rounds: int) -> Member:
        """A fit of so many rounds."""
        import xgboost

        from churn_pipeline.core.members.xgboost import XGBoostMember

        rows = xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=self.threads)
        return XGBoostMember.of(xgboost.train(self._all(parameters), rows, rounds, verbose_eval=False))

    def _all(self, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
        fixed = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": BINS,
            "seed": self.seed % 2**31,
            "nthread": self.threads,
        }
        return {**fixed, **parameters}

    def _binned(self, material: Material) -> Any:
        import xgboost

        if "xgboost" not in material.cache:
            rows = xgboost.QuantileDMatrix(material.x, material.y, max_bin=BINS, nthread=self.threads)
            # not in bins: to look into those after every round takes six times as long, and gives the same loss
            judged = xgboost.DMatrix(material.x_validation, material.y_validation, nthread=self.threads)
            material.cache["xgboost"] = (rows, judged)
        return material.cache["xgboost"]


@dataclass(frozen=True)
class LightGBM:
    """LightGBM (Ke et al. 2017), leaf-wise trees."""

    libraries: ClassVar[tuple[str, ...]] = ("lightgbm",)
    code: ClassVar[tuple[Any, ...]] = ()
    seed: int
    threads: int = 1
    name: str = "lightgbm"
    searched: float = 1.0

    @property
    def space(self) -> Space:
        """Where it is searched for parameters."""
        return lightgbm_space()

    def fit_stopped(
        self, material: Material, parameters: Mapping[str, Parameter], watch: Watch | None = None
    ) -> Stopped:
        """A fit that stops when validation does; `watch` is told the loss after every round."""
        import lightgbm

        from churn_pipeline.core.members.lightgbm import LightGBMMember

        rows, judged = self._binned(material)
        callbacks: list[Callable[..., Any]] = [lightgbm.early_stopping(PATIENCE, verbose=False)]
        if watch:
            callbacks.insert(0, lambda env: watch(env.iteration + 1, float(env.evaluation_result_list[0][2])))
        booster = lightgbm.train(
            self._all(parameters),
            rows,
            MOST_ROUNDS,
            valid_sets=[judged],
            valid_names=["validation"],
            callbacks=callbacks,
        )
        loss = float(booster.best_score["validation"]["binary_logloss"])
        return Stopped(LightGBMMember.of(booster), int(booster.best_iteration), loss)

    def fit(self, x: Matrix, y: Matrix, parameters: Mapping[str, Parameter], *, rounds: int) -> Member:
        """A fit of so many rounds."""
        import lightgbm

        from churn_pipeline.core.members.lightgbm import LightGBMMember

        rows = lightgbm.Dataset(x, y, params=self._fixed())
        return LightGBMMember.of(lightgbm.train(self._all(parameters), rows, rounds))

    def _all(self, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
        learning = {"objective": "binary", "metric": "binary_logloss", "bagging_freq": 1, "seed": self.seed % 2**31}
        return {**learning, **self._fixed(), **parameters}

    def _fixed(self) -> dict[str, Any]:
        """What the binned rows and the fit have to agree on."""
        return {
            "max_bin": BINS,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }

    def _binned(self, material: Material) -> Any:
        import lightgbm

        if "lightgbm" not in material.cache:
            rows = lightgbm.Dataset(material.x, material.y, params=self._fixed(), free_raw_data=False)
            judged = rows.create_valid(material.x_validation, material.y_validation)
            material.cache["lightgbm"] = (rows, judged)
        return material.cache["lightgbm"]


def _told(watch: Watch) -> Any:
    import xgboost

    class Told(xgboost.callback.TrainingCallback):
        """Tells the loss on validation after every round."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            watch(epoch + 1, float(evals_log["validation"]["logloss"][-1]))
            return False

    return Told()

"""The recipe: the settings that a model depends on, and the fingerprints of everything that makes it, and its searches, what they are."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.training import learners, space, tuning
from churn_pipeline.core.members import kinds

if TYPE_CHECKING:
    import pandas as pd

    from churn_pipeline.capabilities.training.learners import Learner, Material
    from churn_pipeline.core.schema import ModelFeature
    from churn_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings that a model depends on; see `Settings` for their meaning."""

    validation_share: float
    calibration_share: float
    test_share: float
    tuning_trials: int
    tuning_sampler: tuning.Way
    tuning_seconds: float
    tuning_rows: int
    few_conversions: int
    seed: int

    @classmethod
    def of(cls, settings: Settings) -> Recipe:
        """The recipe that the settings ask for."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})

    def to_json(self) -> dict[str, float | str]:
        """The recipe as JSON values."""
        return asdict(self)


def fingerprint(frame: pd.DataFrame, *, catalogue: Sequence[ModelFeature], recipe: Recipe, code: str) -> str:
    """What makes a model: 32 hex digits over the rows (in any order), the features, the recipe and the code version.

    Equal fingerprints mean equal model bytes, up to two things that the facts of a model tell and that are no part of it: how many tuning
    trials a budget in seconds left time for, and the champion whose parameters a search began with. A model is trained once all the same,
    however often it is asked for: another champion, or a faster machine, is no reason to train on the same rows again.
    """
    used = ["trial_id", "as_of", "started_at", "trial_day", "converted", *sorted(f.name for f in catalogue)]
    ordered = frame.sort_values(["trial_id", "as_of"], kind="stable")
    digest = hashlib.sha256(
        json.dumps([recipe.to_json(), code, [asdict(f) for f in catalogue]], sort_keys=True).encode()
    )
    for name in dict.fromkeys(used):
        digest.update(f"\x1e{name}\x1e".encode())
        digest.update(_bytes(ordered[name]) if name in ordered else b"absent")
    return digest.hexdigest()[:32]


def search_fingerprint(material: Material, learner: Learner, *, sampler: tuning.Way) -> str:
    """What makes the tuning trials of a search what they are: 32 hex digits over the encoded rows that are fitted and judged on, the search space,
    seed, sampler, and the code and libraries that a tuning trial runs through.

    Nothing else is part of it, so that trials kept from before serve whoever would run the same: neither how many there are to be or how long
    they may take, nor where the search began (which is kept with them), nor calibration, the gate or any other code.
    """
    versions = {name: str(import_module(name).__version__) for name in ("numpy", "optuna", *learner.libraries)}
    told = [learner.name, learner.seed, sampler, asdict(learner.space), versions]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in (tuning, learners, space, type(learner), kinds()[learner.name], *learner.code):
        digest.update(Path(inspect.getfile(part)).read_bytes())
    for rows in (material.x, material.y, material.x_validation, material.y_validation):
        digest.update(f"\x1e{rows.shape}\x1e".encode())
        digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()[:32]


def _bytes(column: pd.Series) -> bytes:
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return bytes(column.dt.as_unit("us").astype("int64").to_numpy().tobytes())
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).tobytes()
    known = column.where(column.notna(), None)
    return json.dumps([None if value is None else str(value) for value in known]).encode()

"""The recipe: the settings that a model depends on, and the fingerprint of everything that makes it what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from churn_pipeline.core.schema import ModelFeature
    from churn_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings that a model depends on; see `Settings` for their meaning."""

    validation_share: float
    calibration_share: float
    test_share: float
    tuning_trials: int
    tuning_rows: int
    few_conversions: int
    seed: int

    @classmethod
    def of(cls, settings: Settings) -> Recipe:
        """The recipe that the settings ask for."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})

    def to_json(self) -> dict[str, float]:
        """The recipe as JSON values."""
        return asdict(self)


def fingerprint(frame: pd.DataFrame, *, catalogue: Sequence[ModelFeature], recipe: Recipe, code: str) -> str:
    """What makes a model: 32 hex digits over the rows (in any order), the features, the recipe and the code version.

    Equal fingerprints mean equal model bytes; so a model is trained once, however often it is asked for.
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


def _bytes(column: pd.Series) -> bytes:
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return bytes(column.dt.as_unit("us").astype("int64").to_numpy().tobytes())
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).tobytes()
    known = column.where(column.notna(), None)
    return json.dumps([None if value is None else str(value) for value in known]).encode()

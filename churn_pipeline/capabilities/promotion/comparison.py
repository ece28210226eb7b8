"""What the gate looks at: the newest matured trials that neither model was fitted on, as each model sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.capabilities.promotion.gate import Judged
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.splits import Bound, after
from churn_pipeline.core.vocabulary import segments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from churn_pipeline.adapters.bundle import Bundle
    from churn_pipeline.core.schema import ModelFeature


def unseen(frame: pd.DataFrame, *facts: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of trials that come after everything that the models with these facts were fitted or calibrated on."""
    bound = max(Bound.from_json(of["calibrated_until"]) for of in facts)
    return frame[after(frame, bound)]


def compare(frame: pd.DataFrame, *, challenger: Bundle, floor: Bundle, champion: Bundle | None) -> Judged:
    """What challenger, champion (or base rate), floor and base rate say of the trials that no model has seen.

    `frame` holds the landmark snapshots of matured trials: trial_id, started_at, trial_day, converted and features.

    Raises:
        GateError: no trial is newer than what the models were fitted on.
        SchemaError: the frame lacks a feature of one of the models.
    """
    models = [challenger, *([champion] if champion else [])]
    rows = unseen(frame, *(model.facts for model in models))
    base = BaseRate.from_json(challenger.facts["base_rate"]).probability(rows["trial_day"])
    said = (model.scorer.probability(rows) if len(rows) else np.zeros(0) for model in (*models, floor))
    mine, *others = said
    return Judged(
        trial_id=rows["trial_id"].to_numpy(dtype=object),
        converted=rows["converted"].to_numpy(dtype=bool),
        challenger=mine,
        compared=others[0] if champion else base,
        floor=others[-1],
        base=base,
        segments={of.name: of.column(rows) for of in _segments(models)},
    )


def _segments(models: Sequence[Bundle]) -> tuple[ModelFeature, ...]:
    return segments(feature for model in models for feature in model.scorer.schema.features)

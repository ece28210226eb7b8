"""The A/B of a rollout: what became of the trials that the champion scored, and of those that the canary did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.production import ROLLOUT_ARMS
from churn_pipeline.core.metrics import Interval, auc, log_loss, rate

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Arm:
    """The trials that were first scored by one model, and what became of those that have matured."""

    arm: str
    scored_by: str
    trials: int
    moved: int
    """Trials that a later step gave to the canary."""
    matured: int
    conversions: int
    conversion: Interval | None
    mean_score: float | None
    log_loss: float | None
    auc: float | None


def arms(counted: Mapping[str, int], known: pd.DataFrame, *, champion: str, canary: str) -> tuple[Arm, Arm]:
    """Both arms, the champion's first.

    `counted` are the trials of each arm and those that have `moved`; `known` the looks at trials that have matured, the first of a trial
    before its others: trial, converted, whether the canary's score was shown, and that score. A trial counts in the arm in which it was first scored
    (intention to treat): later steps move trials by their hash alone, never by their score. Figures of scores are of looks that the arm was shown.
    """
    dealt = known.groupby("trial")["by_canary"].transform("first")
    mine, theirs = (
        _arm(name, version, counted, known[dealt == (name == "canary")])
        for name, version in (("champion", champion), ("canary", canary))
    )
    return mine, theirs


def _arm(name: str, version: str, counted: Mapping[str, int], known: pd.DataFrame) -> Arm:
    outcome = known.drop_duplicates("trial")["converted"].to_numpy(dtype=bool)
    shown = known[known["by_canary"] == (name == "canary")]
    score, label = shown["score"].to_numpy(), shown["converted"].to_numpy(dtype=bool)
    return Arm(
        arm=name,
        scored_by=version,
        trials=counted[name],
        moved=counted["moved"] if name == "champion" else 0,
        matured=len(outcome),
        conversions=int(outcome.sum()),
        conversion=rate(outcome, groups=np.arange(len(outcome)), confidence=CONFIDENCE) if len(outcome) else None,
        mean_score=float(score.mean()) if len(score) else None,
        log_loss=log_loss(score, label) if len(score) else None,
        auc=auc(score, label) if label.any() and not label.all() else None,
    )


def difference(champion: Arm, canary: Arm) -> Interval | None:
    """Conversion of the canary's arm minus that of the champion's, with the interval of Newcombe (1998, method 10)."""
    a, b = canary.conversion, champion.conversion
    if a is None or b is None:
        return None
    mid = a.mid - b.mid
    low = mid - float(np.hypot(a.mid - a.low, b.high - b.mid))
    high = mid + float(np.hypot(a.high - a.mid, b.mid - b.low))
    return Interval(mid, low, high)


def rows(found: tuple[Arm, Arm] | None, *, as_of: datetime, run_id: str) -> pa.Table:
    """The arms of a day as rows of table `rollout_arms`; none where no rollout goes on."""
    import pyarrow as pa

    between = difference(*found) if found else None
    canary = found[1].scored_by if found else None
    written = [
        {
            **{name: value for name, value in asdict(arm).items() if name != "conversion"},
            **_bounds("conversion", arm.conversion),
            **_bounds("difference", between),
            "as_of": as_of,
            "model_version": canary,
            "run_id": run_id,
        }
        for arm in found or ()
    ]
    return pa.Table.from_pylist(written, schema=arrow_schema(ROLLOUT_ARMS))


def _bounds(name: str, found: Interval | None) -> dict[str, float | None]:
    values: tuple[Any, ...] = (found.mid, found.low, found.high) if found else (None,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))

"""How good the shown scores were, on the trials that matured last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.contracts.analytics import MODEL_PERFORMANCE
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.core.metrics import Interval, MetricError, auc_interval, ece, log_loss

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

FEW = 10
"""Below as many trials of either outcome nothing is called degraded: the interval of an AUC is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Performance:
    """How good the scores of one model were. Log losses in nats; `auc` is None where only one outcome occurred."""

    scored_by: str
    model_version: str
    window_days: int
    min_auc: float
    trials: int
    scores: int
    conversions: int
    auc: Interval | None
    log_loss: float
    base_log_loss: float
    accuracy: float
    ece: float

    @property
    def few(self) -> bool:
        """Whether too few trials matured to call anything degraded."""
        return min(self.conversions, self.trials - self.conversions) < FEW

    @property
    def degraded(self) -> bool:
        """Whether the whole interval of the AUC lies below the bound, on enough trials."""
        return self.auc is not None and not self.few and self.auc.high < self.min_auc

    def __str__(self) -> str:
        """The verdict, as a sentence."""
        sample = f"{self.trials:,} trials matured, {self.conversions:,} converted"
        if self.auc is None:
            which = "none" if self.conversions == 0 else "all"
            return f"no AUC: {which} of the {self.trials:,} trials that matured in {self.window_days} days converted"
        figure = f"AUC {self.auc.mid:.3f} ({self.auc.low:.3f}..{self.auc.high:.3f}), bound {self.min_auc:g}; {sample}"
        if self.degraded:
            return f"degraded: {figure}; the whole interval is below the bound"
        if self.few:
            return f"too few to judge: {figure}"
        doubt = "" if self.log_loss < self.base_log_loss else (
            f"; but log loss {self.log_loss:.3f} is no better than {self.base_log_loss:.3f}, always saying the rate"
        )  # fmt: skip
        if self.auc.low >= self.min_auc:
            return f"held: {figure}{doubt}"
        return f"not degraded for sure: {figure}; the interval reaches across the bound{doubt}"


def performance(outcomes: pa.Table, *, as_of: datetime, window_days: int, min_auc: float) -> tuple[Performance, ...]:
    """One judgement per model (and the role it scored in) over the trials that matured in the last `window_days`.

    `outcomes` are rows of table `score_outcomes`; later ones and those before the window are left out. Every shown
    score counts; the interval of the AUC counts trials, as the scores of one trial hang together. Nobody matured: ().
    """
    import pyarrow.compute as pc

    start, end = pc.scalar(as_of - timedelta(days=window_days)), pc.scalar(as_of)
    window = outcomes.filter((pc.field("matured_at") > start) & (pc.field("matured_at") <= end))
    models = sorted(
        {(row["scored_by"], row["model_version"]) for row in window.select(["scored_by", "model_version"]).to_pylist()}
    )
    return tuple(
        _judged(
            window.filter((pc.field("scored_by") == scored_by) & (pc.field("model_version") == version)),
            scored_by,
            version,
            window_days,
            min_auc,
        )
        for scored_by, version in models
    )


def rows(judged: Iterable[Performance], *, as_of: datetime, run_id: str) -> pa.Table:
    """The judgements of a day as rows of table `model_performance`."""
    import pyarrow as pa

    return pa.Table.from_pylist(
        [
            {
                **{name: value for name, value in asdict(one).items() if name in MODEL_PERFORMANCE.names},
                "as_of": as_of,
                "auc": one.auc.mid if one.auc else None,
                "auc_low": one.auc.low if one.auc else None,
                "auc_high": one.auc.high if one.auc else None,
                "degraded": one.degraded,
                "verdict": str(one),
                "run_id": run_id,
            }
            for one in judged
        ],
        schema=arrow_schema(MODEL_PERFORMANCE),
    )


def _judged(rows: pa.Table, scored_by: str, version: str, window_days: int, min_auc: float) -> Performance:
    score = rows["conversion_probability"].to_numpy()
    label = rows["converted"].to_numpy().astype(np.float64)
    trial = rows["trial_id"].to_numpy()
    _, first = np.unique(trial, return_index=True)
    return Performance(
        scored_by=scored_by,
        model_version=version,
        window_days=window_days,
        min_auc=min_auc,
        trials=len(first),
        scores=len(score),
        conversions=int(label[first].sum()),
        auc=_auc(score, label, trial),
        log_loss=log_loss(score, label),
        base_log_loss=log_loss(np.full(len(label), label.mean()), label),
        accuracy=float(((score >= 0.5) == label.astype(bool)).mean()),
        ece=ece(score, label),
    )


def _auc(score: NDArray[np.float64], label: NDArray[np.float64], trial: NDArray[np.object_]) -> Interval | None:
    try:
        return auc_interval(score, label, groups=trial)
    except MetricError:
        return None

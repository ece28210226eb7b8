"""What the UI shows of a challenger."""

from __future__ import annotations

import json
from typing import Any

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.capabilities.training.train import Trained
from churn_pipeline.orchestration.metadata import picture, rows

PICTURES = {
    "roc.png": "ROC curve on the newest matured trials",
    "calibration.png": "Predicted against actual conversion",
    "landmarks.png": "AUC by day of the trial",
    "scores.png": "Distribution of the scores",
}


def describe(trained: Trained, models: ModelStore) -> dict[str, Any]:
    """How it came about, how good it is by trial day, what it is made of, and its pictures."""
    if trained.version is None:
        return {"because": trained.because}
    facts = models.load(trained.version.version).facts
    overall = facts["test"]["overall"]
    shown: dict[str, Any] = {
        "because": trained.because,
        "model_version": trained.version.version,
        "chosen": facts["chosen"],
        "auc": _auc(overall),
        "log_loss": round(overall["log_loss"], 4),
        "log_loss of the base rate": round(overall["base_log_loss"], 4),
        "log_loss of the logistic regression": round(overall["floor_log_loss"], 4),
        "by trial day": rows(
            ("day", "trials", "converted", "AUC", "log loss", "base rate's", "calibration error"),
            [
                (
                    day,
                    f["trials"],
                    f["conversions"],
                    _auc(f),
                    *(f"{f[n]:.4f}" for n in ("log_loss", "base_log_loss", "ece")),
                )
                for day, f in facts["test"]["by_day"].items()
            ],
        ),
        "features left out": rows(("feature", "because"), sorted(facts["left_out"].items())),
        "parameters": json.dumps(facts["parameters"]),
        "fingerprint": trained.version.fingerprint,
        "mlflow run": trained.version.run_id,
    }
    drawn = models.pictures(trained.version.version)
    return shown | {words: picture(drawn[name], words) for name, words in PICTURES.items() if name in drawn}


def _auc(figures: dict[str, Any]) -> str:
    auc = figures["auc"]
    return f"{auc['mid']:.3f} ({auc['low']:.3f}..{auc['high']:.3f})" if auc else "one outcome only"

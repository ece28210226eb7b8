"""What the UI shows of a challenger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.capabilities.training.train import Trained
from churn_pipeline.orchestration.metadata import model_page, picture, rows, run_page
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

PICTURES = {
    "calibration.png": "calibration",
    "roc.png": "ROC curve",
    "landmarks.png": "AUC by trial day",
    "scores.png": "scores by outcome",
    "tuning.png": "searches for parameters",
}
"""All but the last of the newest matured trials, which nothing was fitted on."""
COHORTS = ("fit", "validation", "calibration", "test")


def describe(trained: Trained, models: ModelStore, settings: Settings) -> dict[str, Any]:
    """How it came about, where it is kept, how good it is, its pictures, and what it is made of."""
    if trained.version is None:
        return {"because": trained.because}
    version = trained.version.version
    facts = models.load(version).facts
    overall = facts["test"]["overall"]
    drawn = models.pictures(version)
    return {
        "model version": version,
        "because": trained.because,
        "model in MLflow": model_page(settings.mlflow_address, models.name, version),
        "training run in MLflow": run_page(settings.mlflow_address, trained.version.run_id),
        "made of": _weights(facts["weights"]),
        "AUC": _auc(overall),
        "log loss": round(overall["log_loss"], 4),
        "log loss of the base rate": round(overall["base_log_loss"], 4),
        "log loss of the logistic regression": round(overall["floor_log_loss"], 4),
        "calibration error": round(overall["ece"], 4),
        "calibration error without chance (root mean square)": round(overall["rms_calibration_error"], 4),
        "Brier score": _brier(overall),
        "calibrated by": facts["calibration"]["kind"],
        "by trial day": _by_day(facts["test"]["by_day"]),
        "calibration by segment": _by_segment(facts["test"]["by_segment"]),
        **{name: picture(drawn[file], name) for file, name in PICTURES.items() if file in drawn},
        "trials": rows(("cohort", "trials", "converted"), _cohorts(facts["cohorts"])),
        "features": len(facts["features"]),
        "features left out": rows(("feature", "because"), sorted(facts["left_out"].items())),
        "parameters": rows(("model", "parameter", "value"), _parameters(facts["parameters"])),
        "tuning": rows(("model", "tuning trials", "pruned", "after the defaults", "stopped"), _tuning(facts["tuning"])),
        "fingerprint": trained.version.fingerprint,
    }


def miscalibrated(trained: Trained, models: ModelStore) -> str:
    """A line for each segment whose scores are too high or too low by more than chance; empty where none is, or nothing was trained."""
    if trained.version is None:
        return ""
    segments = models.load(trained.version.version).facts["test"]["by_segment"]
    return "\n".join(
        f"{attribute} {value}: {_off(found)}; predicted {found['predicted']:.3f}, observed {found['observed']:.3f} on {found['trials']:,} trials"
        for attribute, values in sorted(segments.items())
        for value, found in sorted(values.items())
        if found["off"]
    )


def _by_day(figures: Mapping[str, Mapping[str, Any]]) -> dg.MetadataValue:
    """A line for each trial day, in the order of the days."""
    return rows(
        ("day", "trials", "converted", "AUC (95 %)", "log loss", "base rate's", "calibration error"),
        [
            (
                day,
                f"{figures[day]['trials']:,}",
                f"{figures[day]['conversions']:,}",
                _auc(figures[day]),
                *(f"{figures[day][name]:.3f}" for name in ("log_loss", "base_log_loss", "ece")),
            )
            for day in sorted(figures, key=int)
        ],
    )


def _by_segment(attributes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dg.MetadataValue:
    """A line for each segment; the last column names those whose scores are off by more than chance."""
    return rows(
        ("attribute", "value", "trials", "converted", "predicted", "observed", "off"),
        [
            (
                attribute,
                value,
                f"{found['trials']:,}",
                f"{found['conversions']:,}",
                f"{found['predicted']:.3f}",
                f"{found['observed']:.3f}",
                _off(found) if found["off"] else "",
            )
            for attribute, values in sorted(attributes.items())
            for value, found in sorted(values.items())
        ],
    )


def _off(found: Mapping[str, Any]) -> str:
    return "scores too low" if found["offset"]["mid"] > 0 else "scores too high"


def _brier(overall: Mapping[str, float]) -> str:
    parts = ", ".join(f"{name} {overall[f'brier_{name}']:.4f}" for name in ("reliability", "resolution", "uncertainty"))
    return f"{overall['brier']:.4f} ({parts})"


def _cohorts(cohorts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, str]]:
    """A line for each cohort, oldest trials first."""
    return [(name, f"{cohorts[name]['trials']:,}", f"{cohorts[name]['conversions']:,}") for name in COHORTS]


def _weights(weights: Mapping[str, float]) -> str:
    ranked = sorted(weights.items(), key=lambda item: -item[1])
    return " + ".join(f"{weight:.2f} {name}" for name, weight in ranked if weight)


def _parameters(parameters: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str, str]]:
    return [
        (member, name, f"{value:.4g}")
        for member, chosen in sorted(parameters.items())
        for name, value in sorted(chosen.items())
    ]


def _tuning(searches: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """A line for each search: how many tuning trials it had, and what it was told beside the defaults."""
    return [
        (name, str(found["trials"]), str(found["pruned"]), _start(found["warm_start"]), found["stopped"])
        for name, found in sorted(searches.items())
    ]


def _start(parameters: Mapping[str, float] | None) -> str:
    if not parameters:
        return "no champion's parameters"
    return "the champion's: " + ", ".join(f"{name} {value:.4g}" for name, value in sorted(parameters.items()))


def _auc(figures: Mapping[str, Any]) -> str:
    auc = figures["auc"]
    return f"{auc['mid']:.3f} ({auc['low']:.3f}..{auc['high']:.3f})" if auc else "one outcome only"

"""What MLflow's page of a version says of the model, for whoever opens it there first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RIVALS = {"this model": "", "the base rate": "base_", "the logistic regression": "floor_"}


def description(facts: Mapping[str, Any]) -> str:
    """When it was trained on what, what was chosen, and its figures on the test cohort beside those of base rate and regression; Markdown."""
    cohorts, overall = facts["cohorts"], facts["test"]["overall"]
    learnt = [found for name, found in cohorts.items() if name != "test"]
    trials, conversions = (sum(found[of] for found in learnt) for of in ("trials", "conversions"))
    tested = cohorts["test"]
    said = [
        f"Trained as of {facts['trained_as_of'][:10]} on {trials:,} trials ({conversions:,} converted), "
        f"tested on {tested['trials']:,} others ({tested['conversions']:,} converted).",
        f"Chosen: {facts['chosen']}, {_calibrated(facts['calibration']['kind'])}.",
        *([f"{facts['note']}."] if facts["note"] else []),
    ]
    lines = (_line(name, overall, prefix) for name, prefix in RIVALS.items())
    head = "| on the test cohort | log loss | AUC (95 %) | calibration error |\n|---|---|---|---|"
    return "\n\n".join((" ".join(said), "\n".join((head, *lines))))


def _calibrated(kind: str) -> str:
    return "in no need of calibration" if kind == "none" else f"calibrated by {kind}"


def _line(name: str, overall: Mapping[str, Any], prefix: str) -> str:
    auc = overall[f"{prefix}auc"]
    ranks = f"{auc['mid']:.3f} ({auc['low']:.3f}..{auc['high']:.3f})" if auc else "one outcome only"
    return f"| {name} | {overall[f'{prefix}log_loss']:.4f} | {ranks} | {overall[f'{prefix}ece']:.4f} |"

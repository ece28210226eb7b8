"""What is said of a version in MLflow and by `churn model show`, for whoever opens it there first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RIVALS = {"this model": "", "the base rate": "base_", "the logistic regression": "floor_"}


def description(facts: Mapping[str, Any], *, noun: str) -> str:
    """`words` and `figures`, as Markdown."""
    rows = figures(facts)
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{words(facts, noun=noun)}\n\n{table}"


def words(facts: Mapping[str, Any], *, noun: str) -> str:
    """When it was trained on what, and what was chosen; trials are called by the `noun`."""
    cohorts = facts["cohorts"]
    learnt = [found for name, found in cohorts.items() if name != "test"]
    trials, conversions = (sum(found[of] for found in learnt) for of in ("trials", "conversions"))
    tested = cohorts["test"]
    said = [
        f"Trained as of {facts['trained_as_of'][:10]} on {trials:,} {noun} ({conversions:,} converted), "
        f"tested on {tested['trials']:,} others ({tested['conversions']:,} converted).",
        f"Chosen: {facts['chosen']}, {_calibrated(facts['calibration']['kind'])}.",
        *([f"{facts['note']}."] if facts["note"] else []),
    ]
    return " ".join(said)


def figures(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Its figures on the test cohort beside those of base rate and regression, a row each."""
    overall = facts["test"]["overall"]
    return [
        {
            "on the test cohort": name,
            "log loss": f"{overall[f'{prefix}log_loss']:.4f}",
            "AUC (95 %)": _ranks(overall[f"{prefix}auc"]),
            "calibration error": f"{overall[f'{prefix}ece']:.4f}",
        }
        for name, prefix in RIVALS.items()
    ]


def _calibrated(kind: str) -> str:
    return "in no need of calibration" if kind == "none" else f"calibrated by {kind}"


def _ranks(auc: Mapping[str, float] | None) -> str:
    return f"{auc['mid']:.3f} ({auc['low']:.3f}..{auc['high']:.3f})" if auc else "one outcome only"

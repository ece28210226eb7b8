"""What the UI shows of a rollout."""

from __future__ import annotations

from typing import Any

from churn_pipeline.capabilities.rollout.arms import Arm, difference
from churn_pipeline.capabilities.rollout.judge import Verdict
from churn_pipeline.core.metrics import Interval
from churn_pipeline.orchestration.metadata import rows

NONE = "no rollout goes on"


def describe_verdict(verdict: Verdict | None) -> dict[str, Any]:
    """The verdict as a sentence, and its figures."""
    if verdict is None:
        return {"verdict": NONE}
    figures: dict[str, Any] = {
        "verdict": str(verdict),
        "share of the trials": verdict.canary.share,
        "matured trials": verdict.trials,
    }
    if verdict.gain is not None:
        figures["gain in log loss"] = round(verdict.gain.mid, 4)
        figures["gain, low end"] = round(verdict.gain.low, 4)
        figures["gain, high end"] = round(verdict.gain.high, 4)
    if verdict.distance is not None:
        figures["distance of the scores"] = round(verdict.distance, 4)
    return figures


def describe_arms(found: tuple[Arm, Arm] | None) -> dict[str, Any]:
    """Both arms side by side, and the difference between their conversions with its interval."""
    if found is None:
        return {"arms": NONE}
    between = difference(*found)
    return {
        "arms": rows(
            ("scores of", "model", "trials", "matured", "converted", "mean score", "log loss", "AUC"),
            [
                (
                    arm.arm,
                    arm.scored_by,
                    f"{arm.trials:,}" + (f" ({arm.moved:,} moved on to the canary)" if arm.moved else ""),
                    f"{arm.matured:,}",
                    _percent(arm.conversion),
                    *(
                        None if figure is None else f"{figure:.3f}"
                        for figure in (arm.mean_score, arm.log_loss, arm.auc)
                    ),
                )
                for arm in found
            ],
        ),
        "difference in conversion": _percent(between) or "no trial of one arm has matured yet",
    }


def _percent(found: Interval | None) -> str | None:
    return f"{found.mid:.1%} ({found.low:.1%} to {found.high:.1%})" if found else None

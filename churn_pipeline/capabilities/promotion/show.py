"""What the UI shows of a verdict, and of the model in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from churn_pipeline.adapters.ledger import Receipt, Step, champion_words
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.capabilities.promotion.decide import Evaluation, Plan
from churn_pipeline.capabilities.promotion.gate import BASE_RATE, Judged, Verdict
from churn_pipeline.capabilities.promotion.thresholds import buckets, split
from churn_pipeline.core.ledger import Promotion, production_on
from churn_pipeline.orchestration.metadata import model_page, rows
from churn_pipeline.settings import Settings

HEADING = "What the gate said"
"""Of the section of a version's description in MLflow that the gate writes."""


def describe_thresholds(judged: Judged | None, settings: Settings) -> dict[str, Any]:
    """What the thresholds of the settings make of the scores that were judged, and what others would make of them."""
    if judged is None:
        return {}
    found = buckets(judged, at_risk_below=settings.at_risk_below, hot_above=settings.hot_above)
    return {
        "buckets": rows(
            ("bucket", "of the newest matured trials"), [(name, str(part)) for name, part in found.items()]
        ),
        "other thresholds": rows(
            ("threshold", "below", "above"),
            [(f"{at:.1f}", str(below), str(above)) for at, (below, above) in split(judged).items()],
        ),
    }


def describe_guards(evaluation: Evaluation) -> dict[str, Any]:
    """What the guard rails looked at: the gain in each segment, calibration, reasons and time of the challenger beside the champion."""
    if evaluation.seen is None or evaluation.verdict is None:
        return {}
    seen, rivals = evaluation.seen, evaluation.seen.rivals
    shown: dict[str, Any] = {
        "guard rails": "; ".join(evaluation.verdict.guards_broken) or "nothing speaks against the challenger",
        "milliseconds of a processor to score and explain one trial": round(seen.milliseconds, 1),
    }
    if rivals is None:
        return shown
    steady = rivals.reasons
    beside = [
        ("observed minus predicted rate", str(rivals.offset), str(rivals.champion_offset)),
        *(
            [("reasons alike from look to look (mean cosine)", f"{steady.alike:.3f}", f"{steady.champion_alike:.3f}")]
            if steady
            else []
        ),
    ]
    return {
        **shown,
        "beside the champion": rows(("", "challenger", "champion"), beside),
        "gain by segment": rows(
            ("attribute", "value", "trials", "converted", "gain in log loss", "worse"),
            [
                (s.attribute, s.value, f"{s.trials:,}", f"{s.conversions:,}", str(s.gain), "worse" if s.worse else "")
                for s in rivals.segments
            ],
        ),
    }


def note_verdict(evaluation: Evaluation, models: ModelStore, *, as_of: datetime) -> None:
    """Put the verdict into the description of the challenger's version in MLflow; the next one takes its place."""
    if evaluation.verdict is not None:
        models.annotate(evaluation.verdict.challenger, HEADING, verdict_page(evaluation.verdict, as_of))


def verdict_page(verdict: Verdict, as_of: datetime) -> str:
    """The verdict and its figures, as the page of the version in MLflow has them; Markdown."""
    rival = verdict.compared_with
    compared = [] if rival == BASE_RATE else [(f"champion {rival}", verdict.compared_log_loss, verdict.compared_auc)]
    lines = (
        ("this model", verdict.log_loss, verdict.auc),
        *compared,
        ("the base rate", verdict.base_log_loss, None),
        ("the logistic regression", verdict.floor_log_loss, None),
    )
    head = f"| on {verdict.trials:,} matured trials that none of them has seen | log loss | AUC |\n|---|---|---|"
    table = (f"| {name} | {loss:.4f} | {'' if auc is None else f'{auc:.3f}'} |" for name, loss, auc in lines)
    return f"As of {as_of:%Y-%m-%d}: {verdict}.\n\n" + "\n".join((head, *table))


def describe_champion(
    past: Sequence[Promotion],
    day: datetime,
    planned: Plan,
    receipt: Receipt | Step | None,
    *,
    model: str,
    settings: Settings,
) -> dict[str, Any]:
    """Who is champion and since when, what changed and why, and its page in MLflow; `model` is its registered name."""
    version = production_on(past, day)
    page = {"model in MLflow": model_page(settings.mlflow_address, model, version)} if version else {}
    return {
        "champion": champion_words(past, day),
        "change": str(receipt or "none"),
        "verdict": planned.verdict,
        **page,
    }

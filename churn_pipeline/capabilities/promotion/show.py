"""What the UI shows of a verdict, and of the model in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from churn_pipeline.adapters.ledger import Receipt, Step, champion_words
from churn_pipeline.capabilities.promotion.decide import Plan
from churn_pipeline.capabilities.promotion.gate import Judged
from churn_pipeline.capabilities.promotion.thresholds import buckets, split
from churn_pipeline.core.ledger import Promotion, production_on
from churn_pipeline.orchestration.metadata import model_page, rows
from churn_pipeline.settings import Settings


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

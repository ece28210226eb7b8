"""What the UI shows of the model in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from churn_pipeline.capabilities.promotion.decide import Plan
from churn_pipeline.capabilities.promotion.effects import Receipt, champion_words
from churn_pipeline.core.ledger import Promotion, production_on
from churn_pipeline.orchestration.metadata import model_page
from churn_pipeline.settings import Settings


def describe_champion(
    past: Sequence[Promotion], day: datetime, planned: Plan, receipt: Receipt | None, *, model: str, settings: Settings
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

"""Who scores a day: the model that was champion then, or the rules."""

from __future__ import annotations

from collections.abc import Callable

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.capabilities.scoring.score import InProduction
from churn_pipeline.contracts.analytics import MODEL_PROMOTIONS
from churn_pipeline.core.ledger import Scoring
from churn_pipeline.core.rules import RulesScorer

RULES = "rules"
NEVER_HAD_A_CHAMPION = "rules: no model has beaten the base rate yet"
NOT_LOADED = "rules: no model could be loaded"
NOT_SCORED = "rules: the model could not score this day"
LEDGER = f"select {', '.join(MODEL_PROMOTIONS.names)} from {MODEL_PROMOTIONS.name}"


def in_production(chosen: Scoring, models: ModelStore, *, rules: Callable[[], RulesScorer]) -> InProduction:
    """The champion, loaded and verified; the rules where there is none or it cannot be loaded.

    A model that cannot be loaded must not stop the day's scores: the rules score, and `error` says why.
    """
    if chosen.model_version is None:
        return InProduction(rules(), RULES, RULES, note=NEVER_HAD_A_CHAMPION)
    try:
        bundle = models.load(chosen.model_version)
    except (BundleError, ModelStoreError) as error:
        return InProduction(rules(), RULES, RULES, note=NOT_LOADED, error=str(error))
    note = "; ".join(part for part in (bundle.facts["note"], chosen.note) if part)
    return InProduction(bundle.scorer, "champion", chosen.model_version, note=note or None)

"""Who scores a day: the model that was champion then, the one before it, or the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
    """The champion, loaded and verified; where it cannot be, the champion before it; the rules where there is none that is whole.

    A model that cannot be loaded must not stop the day's scores: who steps in scores, and `error` says why.
    """
    if chosen.model_version is None:
        return InProduction(rules(), RULES, RULES, note=NEVER_HAD_A_CHAMPION)
    failed: list[str] = []
    stepping_in = f"champion before model {chosen.model_version}, which could not be loaded"
    for version, note in ((chosen.model_version, chosen.note), (chosen.before, stepping_in)):
        if version is None:
            continue
        try:
            return replace(_loaded(models, version, note), error="\n".join(failed) or None)
        except (BundleError, ModelStoreError) as error:
            failed.append(f"model {version} could not be loaded: {error}")
    return InProduction(rules(), RULES, RULES, note=NOT_LOADED, error="\n".join(failed))


def _loaded(models: ModelStore, version: str, note: str) -> InProduction:
    bundle = models.load(version)
    notes = "; ".join(part for part in (bundle.facts["note"], note) if part)
    return InProduction(bundle.scorer, "champion", version, note=notes or None)

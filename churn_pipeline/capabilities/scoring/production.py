"""Who scores a day: the model that was champion then, or the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.model_store import ModelStore, StoreError
from churn_pipeline.capabilities.scoring.score import InProduction
from churn_pipeline.core.rules import RulesScorer

RULES = "rules"
NEVER_HAD_A_CHAMPION = "rules: no model has beaten the base rate yet"
NOT_LOADED = "rules: no model could be loaded"
BEFORE_THE_FIRST = "scored afterwards by the first champion: there was none on this day"


@dataclass(frozen=True, slots=True)
class Champion:
    """The champion of a day; `afterwards` where the day lies before the first one."""

    model_version: str
    afterwards: bool


CHAMPIONS = "select model_version, from_as_of from model_promotions where role = 'champion' order by decided_at"


def champion_on(day: datetime, ledger: Sequence[Mapping[str, Any]]) -> Champion | None:
    """The model that held the role on `day` by the ledger's champion rows (in order of decision); None before any.

    A day before the first champion is scored by that first one, and its scores say so.
    """
    if not ledger:
        return None
    held = [row for row in ledger if row["from_as_of"] <= day]
    if held:
        return Champion(held[-1]["model_version"], afterwards=False)
    return Champion(ledger[0]["model_version"], afterwards=True)


def in_production(champion: Champion | None, models: ModelStore, *, base_rate: float) -> InProduction:
    """The champion, loaded and verified; the rules where there is none or it cannot be loaded.

    A model that cannot be loaded must not stop the day's scores: the rules score, and `error` says why.
    """
    rules = RulesScorer(base_rate)
    if champion is None:
        return InProduction(rules, RULES, RULES, note=NEVER_HAD_A_CHAMPION)
    try:
        bundle = models.load(champion.model_version)
    except (BundleError, StoreError) as error:
        return InProduction(rules, RULES, RULES, note=NOT_LOADED, error=str(error))
    notes = [bundle.facts.get("note"), BEFORE_THE_FIRST if champion.afterwards else None]
    note = "; ".join(part for part in notes if part)
    return InProduction(bundle.scorer, "champion", champion.model_version, note=note or None)

"""Who scores a day: the model that was champion then, one that was before it, or the rules; and beside it the model on trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from churn_pipeline.adapters.bundle import Bundle, BundleError
from churn_pipeline.adapters.ledger import read_ledger
from churn_pipeline.adapters.model_store import ModelStoreError
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.score import InProduction
from churn_pipeline.core.arms import of_canary
from churn_pipeline.core.ledger import Scoring, scores_day
from churn_pipeline.core.rules import RulesScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

RULES = "rules"
NEVER_HAD_A_CHAMPION = "rules: no model has beaten the base rate yet"
NOT_LOADED = "rules: no model could be loaded"
NOT_SCORED = "rules: no model could score this day"
NOBODY: Mapping[str, str] = MappingProxyType({})


class Models(Protocol):
    """Where models come from: their store, or what remembers those it has loaded."""

    @property
    def load(self) -> Callable[[str], Bundle]:
        """Gives the bundle of a version, as `ModelStore.load` does."""


@dataclass(frozen=True, slots=True)
class Lineup:
    """Who scores a day: the champion (or who stepped in for it) and, beside it, the canary with its share of the trials."""

    champion: InProduction
    canary: InProduction | None = None
    share: float = 0.0
    failed: str | None = None
    """Why the canary does not score although it should: the champion scores its trials."""
    unreachable: bool = False
    """Whether that is because its files cannot be read now, which proves nothing about it."""

    def of_canary(self, trials: ArrayLike) -> NDArray[np.bool_]:
        """Which of the trials are the canary's; none where there is no canary."""
        version = self.canary.model_version if self.canary else ""
        return of_canary(trials, canary=version, share=self.share if self.canary else 0.0)


def lineup(
    warehouse: Warehouse,
    models: Models,
    *,
    as_of: datetime,
    rules: Callable[[], RulesScorer],
    unable: Mapping[str, str] = NOBODY,
) -> Lineup:
    """Who scores the day by the ledger, each loaded and verified; `unable` are versions that cannot score it, each with why."""
    chosen = scores_day(read_ledger(warehouse), as_of)
    champion = in_production(chosen, models, rules=rules, unable=unable)
    if chosen.canary is None:
        return Lineup(champion)
    version, share = chosen.canary.model_version, chosen.canary.share
    if version in unable:
        return Lineup(champion, share=share, failed=_unable(version, unable))
    try:
        canary = replace(_loaded(models, version, chosen.note), scored_by="canary")
    except (BundleError, ModelStoreError) as error:
        because = f"model {version} could not be loaded: {error}"
        return Lineup(champion, share=share, failed=because, unreachable=isinstance(error, ModelStoreError))
    return Lineup(champion, canary, share)


def in_production(
    chosen: Scoring, models: Models, *, rules: Callable[[], RulesScorer], unable: Mapping[str, str] = NOBODY
) -> InProduction:
    """The champion, loaded and verified; where it cannot be, or is `unable`, the newest of the champions before it that can; the rules where none can.

    A model that cannot score must not stop the day's scores: who steps in scores, and `error` says why, of each that cannot.
    """
    if chosen.model_version is None:
        return InProduction(rules(), RULES, RULES, note=NEVER_HAD_A_CHAMPION)
    failed: list[str] = []
    left, how = NOT_LOADED, ""
    for version in (chosen.model_version, *chosen.before):
        note = f"champion before model {chosen.model_version}, which {how}" if how else chosen.note
        if version in unable:
            failed.append(_unable(version, unable))
            left, how = NOT_SCORED, how or "could not score this day"
            continue
        try:
            return replace(_loaded(models, version, note), error="\n".join(failed) or None)
        except (BundleError, ModelStoreError) as error:
            failed.append(f"model {version} could not be loaded: {error}")
            how = how or "could not be loaded"
    return InProduction(rules(), RULES, RULES, note=left, error="\n".join(failed))


def _unable(version: str, unable: Mapping[str, str]) -> str:
    return f"model {version} could not score: {unable[version]}"


def _loaded(models: Models, version: str, note: str) -> InProduction:
    bundle = models.load(version)
    notes = "; ".join(part for part in (bundle.facts["note"], note) if part)
    return InProduction(bundle.scorer, "champion", version, note=notes or None)

"""A score of a past day, rebuilt from the model that gave it and the snapshot that it saw, with all of its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.frames import snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.fallback import rules
from churn_pipeline.capabilities.scoring.production import RULES
from churn_pipeline.contracts.analytics import SCORES, SHOWN_REASONS
from churn_pipeline.contracts.lake import LABELS, SNAPSHOTS
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.reasons import reasons

if TYPE_CHECKING:
    from churn_pipeline.capabilities.scoring.score import Explains

SAME_PROBABILITY, SAME_PUSH = 1e-9, 1e-6
"""Most that a rebuilt figure may differ by and still be the one that was given: some members explain in 32-bit floats."""


class RebuildError(Exception):
    """A score cannot be rebuilt: it was never given, or what it was made from is gone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature of a trial, its value as text, its push in log-odds, and both in plain words."""

    feature: str
    value: str | None
    push: float
    words: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A score and every reason, the largest push first; base and pushes add up to the log-odds of `probability`, but for rounding."""

    trial_id: str
    as_of: datetime
    scored_by: str
    model_version: str
    given: float
    """The probability that stands in `scores`."""
    probability: float
    base_log_odds: float
    reasons: tuple[Reason, ...]
    differing: tuple[str, ...]
    """What of the row in `scores` came out otherwise."""


def rebuild(lake: Lake, warehouse: Warehouse, models: ModelStore, *, trial: str, as_of: datetime) -> Rebuilt:
    """Explain a trial's score of a day anew, and hold it against the row that was given then.

    Raises:
        RebuildError: the trial has no score of that day, or the day's snapshot of it is not there any more.
        BundleError: the model that gave it is damaged.
        LakeError: the snapshots of the day are not there any more.
        ModelStoreError: the files of the model cannot be read now.
    """
    given = _given(lake, warehouse, trial, as_of)
    scorer = _scorer(lake, models, given, as_of)
    frame = snapshot_frame(lake, SNAPSHOTS.name, as_of, scorer.schema.features)
    frame = frame[frame["trial_id"] == trial]
    if frame.empty:
        raise RebuildError(
            f"the snapshots of {as_of:%Y-%m-%d} hold no trial {trial} any more: it withdrew its consent, or its records changed.\n"
            f"  do: the row in scores stays as it was given; churn score --as-of {as_of:%Y-%m-%d} scores the day by what is known of it now"
        )
    explanation = scorer.explain(frame)
    told = reasons(explanation, frame, scorer.schema, shown=len(scorer.schema.features)).iloc[0]
    every = {str(column): value for column, value in told.items()}
    probability = float(logit.probability(explanation.log_odds)[0])
    pushes = tuple(_reason(every, place) for place in range(1, len(scorer.schema.features) + 1))
    return Rebuilt(
        trial_id=trial,
        as_of=as_of,
        scored_by=given["scored_by"],
        model_version=given["model_version"],
        given=given["conversion_probability"],
        probability=probability,
        base_log_odds=explanation.base_log_odds,
        reasons=pushes,
        differing=tuple(_differing(given, probability, explanation.base_log_odds, pushes)),
    )


def _given(lake: Lake, warehouse: Warehouse, trial: str, as_of: datetime) -> dict[str, Any]:
    found = warehouse.read(
        f"select * from {SCORES.name} where trial_id = $1 and as_of = $2", [trial, as_of]
    ).to_pylist()
    if found:
        return dict(found[0])
    days = warehouse.read(
        f"select count(*) as n, min(as_of) as first, max(as_of) as last from {SCORES.name} where trial_id = $1", [trial]
    ).to_pylist()[0]
    there = (
        f"it has scores of {days['first']:%Y-%m-%d} to {days['last']:%Y-%m-%d}" if days["n"] else "it has none at all"
    )
    if _outcome_known(lake, trial, as_of):
        raise RebuildError(
            f"trial {trial} has no score of {as_of:%Y-%m-%d}, since its outcome was known by then: models learn from it; {there}.\n"
            f"  do: churn table \"select trial_id from scores where as_of = '{as_of:%Y-%m-%d}'\" names those that were scored"
        )
    raise RebuildError(
        f"trial {trial} has no score of {as_of:%Y-%m-%d}; {there}.\n"
        f"  do: name one of its days (churn table \"select as_of from scores where trial_id = '{trial}'\"), or score that day: "
        f"churn score --as-of {as_of:%Y-%m-%d}"
    )


def _outcome_known(lake: Lake, trial: str, as_of: datetime) -> bool:
    if not lake.has(LABELS.name, as_of):
        return False
    with lake.engine.connection() as connection:
        known = connection.execute(f"from ({lake.rows(LABELS.name, as_of)}) where trial_id = $1", [trial])
        return known.fetchone() is not None


def _scorer(lake: Lake, models: ModelStore, given: dict[str, Any], as_of: datetime) -> Explains:
    return rules(lake, as_of) if given["scored_by"] == RULES else models.load(given["model_version"]).scorer


def _reason(every: dict[str, Any], place: int) -> Reason:
    told = (every[f"reason_{place}_{part}"] for part in ("feature", "value", "push", "words"))
    return Reason(*told)


def _differing(given: dict[str, Any], probability: float, base: float, pushes: Sequence[Reason]) -> Iterator[str]:
    """The columns of a row in `scores` whose figures are others; a reason is held against that of the same feature."""
    if abs(given["conversion_probability"] - probability) > SAME_PROBABILITY:
        yield "conversion_probability"
    if abs(given["base_log_odds"] - base) > SAME_PUSH:
        yield "base_log_odds"
    mine = {reason.feature: reason for reason in pushes}
    for place in range(1, SHOWN_REASONS + 1):
        feature, value, push = (given[f"reason_{place}_{part}"] for part in ("feature", "value", "push"))
        if feature is None:
            continue
        again = mine.get(feature)
        if again is None or again.value != value or abs(again.push - push) > SAME_PUSH:
            yield f"reason_{place}"

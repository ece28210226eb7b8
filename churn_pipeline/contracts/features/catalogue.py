"""The register of all features. A new family is one file and one name here."""

from __future__ import annotations

from churn_pipeline.contracts.features.breadth import BREADTH, USES_BY_FEATURE
from churn_pipeline.contracts.features.calendar import CALENDAR
from churn_pipeline.contracts.features.economy import INDICATOR_VALUES
from churn_pipeline.contracts.features.feature import Feature, Named, NamedCounts, NamedValues
from churn_pipeline.contracts.features.journey import JOURNEY, TRANSITION_COUNTS
from churn_pipeline.contracts.features.momentum import MOMENTUM
from churn_pipeline.contracts.features.own import OWN
from churn_pipeline.contracts.features.recency import RECENCY
from churn_pipeline.contracts.features.regularity import REGULARITY
from churn_pipeline.contracts.features.segment import SEGMENT
from churn_pipeline.contracts.features.team import TEAM
from churn_pipeline.contracts.features.together import PAIR_COUNTS, TOGETHER
from churn_pipeline.contracts.features.touches import TOUCHES, TOUCHES_BY_KIND
from churn_pipeline.contracts.features.trial import TRIAL
from churn_pipeline.contracts.features.value import LEARNT, REACHED
from churn_pipeline.contracts.features.volume import EVENTS_BY_NAME, VOLUME

REGISTERED: tuple[Feature, ...] = (
    *VOLUME,
    *RECENCY,
    *MOMENTUM,
    *REGULARITY,
    *BREADTH,
    *JOURNEY,
    *TOGETHER,
    *TEAM,
    *TRIAL,
    *CALENDAR,
    *TOUCHES,
    *SEGMENT,
)
FEATURES: tuple[Feature, ...] = tuple(feature for feature in REGISTERED if not feature.hidden)
NAMED_COUNTS: tuple[NamedCounts, ...] = (
    EVENTS_BY_NAME,
    USES_BY_FEATURE,
    TRANSITION_COUNTS,
    PAIR_COUNTS,
    TOUCHES_BY_KIND,
)
NAMED_VALUES: tuple[NamedValues, ...] = (REACHED, INDICATOR_VALUES, OWN)
NAMED: tuple[Named, ...] = (*NAMED_COUNTS, *NAMED_VALUES)


def feature(name: str) -> Feature:
    """The registered feature of that name.

    Raises:
        KeyError: no such feature is registered.
    """
    for registered in FEATURES:
        if registered.name == name:
            return registered
    raise KeyError(f"no feature {name!r} is registered")


def falling_away(present: set[str]) -> tuple[Feature | Named, ...]:
    """The features, and the families of them, whose needs (`table.column`) are not all among what a source has."""
    return tuple(feature for feature in (*FEATURES, *NAMED) if not set(feature.needs) <= present)


__all__ = ["FEATURES", "LEARNT", "NAMED", "NAMED_COUNTS", "NAMED_VALUES", "REGISTERED", "falling_away", "feature"]

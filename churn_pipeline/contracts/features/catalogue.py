"""The register of all features. A new family is one file and one name here."""

from __future__ import annotations

from churn_pipeline.contracts.features.breadth import BREADTH, NAMED_COUNTS
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.features.momentum import MOMENTUM
from churn_pipeline.contracts.features.recency import RECENCY
from churn_pipeline.contracts.features.trial import TOUCHES, TRIAL
from churn_pipeline.contracts.features.volume import VOLUME

FEATURES: tuple[Feature, ...] = (*VOLUME, *RECENCY, *MOMENTUM, *BREADTH, *TRIAL, *TOUCHES)


def feature(name: str) -> Feature:
    """The registered feature of that name.

    Raises:
        KeyError: no such feature is registered.
    """
    for registered in FEATURES:
        if registered.name == name:
            return registered
    raise KeyError(f"no feature {name!r} is registered")


def falling_away(present: set[str]) -> tuple[Feature, ...]:
    """The features whose needs (`table.column`) are not all among what a source has."""
    return tuple(feature for feature in FEATURES if not set(feature.needs) <= present)


__all__ = ["FEATURES", "NAMED_COUNTS", "falling_away", "feature"]

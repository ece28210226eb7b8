"""What changes in the business from some day on: scenarios for whoever watches or retrains models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import EPOCH, Floats, Whole

DRIFTS = {
    "channel_mix": "covariate shift: paid ads and social bring more of the new trials, referrals and partners fewer",
    "concept": "concept shift: the pull of intent on the outcome shrinks (0.5: by half, 1: to nothing, 2: turns round)",
    "tracking_loss": "a share of the uses of LOST_FEATURE is recorded no more",
    "seasonality": "visits and the log-odds of converting swing over the year",
    "price": "every seat costs more by this share, and fewer convert, small companies above all",
}
"""Every scenario, and what its strength means."""
LOST_FEATURE = "tasks"
"""The feature whose uses a loss of tracking hides."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One scenario: nothing before its first day, its whole strength from then on.

    Raises:
        ValueError: there is no such scenario.
    """

    kind: str
    start: date
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in DRIFTS:
            raise ValueError(f"there is no drift {self.kind!r}; there are: {', '.join(DRIFTS)}")


def strength(drifts: tuple[Drift, ...], kind: str, day: Whole) -> Floats:
    """How strong a scenario is on each day (days since 1970-01-01); several of one kind add up."""
    parts = [d.strength * (day >= (d.start - EPOCH).days) for d in drifts if d.kind == kind]
    total: Floats = np.sum(parts, axis=0) if parts else np.zeros(len(day))
    return total


def season(drifts: tuple[Drift, ...], day: Whole) -> Floats:
    """The swing of the year on each day, as a log ratio: up in spring, down in autumn."""
    swing: Floats = strength(drifts, "seasonality", day) * np.sin(2 * np.pi * day / 365.25)
    return swing


def read_drifts(text: str) -> tuple[Drift, ...]:
    """Scenarios as a setting writes them: kind, first day and strength, apart by commas.

    >>> read_drifts("concept:2026-08-01:0.5, tracking_loss:2026-09-01:1")[1].kind
    'tracking_loss'

    Raises:
        ValueError: the text does not say that.
    """
    return tuple(_read(part.strip()) for part in text.split(",") if part.strip())


def _read(part: str) -> Drift:
    found = re.fullmatch(r"([a-z_]+):(\d{4}-\d{2}-\d{2}):(-?[\d.]+)", part)
    if found is None:
        raise ValueError(f"{part!r} is no drift; allowed: kind:first day:strength, such as concept:2026-08-01:0.5")
    return Drift(found[1], date.fromisoformat(found[2]), float(found[3]))

"""Which simulated business. What each parameter causes stands in docs/simulator.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

from churn_pipeline.capabilities.simulation.calendar import midnight
from churn_pipeline.capabilities.simulation.drift import Drift, read_drifts
from churn_pipeline.settings import Settings

Cause = Literal["traits", "order_of_steps"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Which world: the same parameters give the same world, byte for byte.

    Nothing that is drawn depends on `until`: a world up to an earlier day is the same world, cut at that day.

    Raises:
        ValueError: a parameter is out of its bounds; all offences at once.
    """

    trials: int
    """Trials that start within `days`."""
    first_day: date
    """First day on which a trial may start."""
    days: int
    """Days, from `first_day` on, over which the trials start."""
    until: date
    """Nothing that became known at or after its midnight (UTC) exists."""
    seed: int
    """Seed of every draw."""
    base_rate: float = 0.35
    """Mean probability to convert where nobody is touched, over all trials, before any drift."""
    outcome: Cause = "traits"
    """What decides on conversion: the hidden traits, or nothing but the order of two steps."""
    long_share: float = 0.0
    """Share of trials planned for 30 days; the others are planned for 14. None: see docs/simulator.md."""
    grace_days: int = 7
    """Days after the planned end by which a trial that converts has converted."""
    late_share: float = 0.03
    """Share of events that arrive late: minutes to 48 hours after they happened, the others within seconds."""
    again_share: float = 0.0
    """Share of trials, events and subscriptions that are delivered a second time."""
    damaged_share: float = 0.0
    """Share of what is delivered a second time that arrives damaged; the rest are exact copies."""
    touches: bool = True
    """Whether the company touches its trials by itself: an experiment, and calls to whom it likes."""
    touches_until: date | None = None
    """From this day on the company's own touches stop, and only `LiveWorld.step` sends any. None: they never stop."""
    drifts: tuple[Drift, ...] = ()
    """What changes from some day on."""

    def __post_init__(self) -> None:
        """Refuse a world that cannot be, before anything is drawn."""
        offences = list(self._offences())
        if offences:
            raise ValueError("the simulated business cannot have " + "; ".join(offences))

    def _offences(self) -> Iterator[str]:
        least = {"trials": 1, "days": 1, "seed": 0, "grace_days": 0}
        shares = ("long_share", "late_share", "again_share", "damaged_share")
        yield from (
            f"{name}={getattr(self, name)}: at least {low}" for name, low in least.items() if getattr(self, name) < low
        )
        yield from (f"{name}={getattr(self, name)}: 0 to 1" for name in shares if not 0 <= getattr(self, name) <= 1)
        if not 0 < self.base_rate < 1:
            yield f"base_rate={self.base_rate}: between 0 and 1"
        if self.outcome not in get_args(Cause):
            yield f"outcome={self.outcome}: one of {', '.join(get_args(Cause))}"
        if self.until <= self.first_day:
            yield f"until={self.until}: later than first_day={self.first_day}"

    @classmethod
    def of(cls, settings: Settings) -> Parameters:
        """The world that the settings ask for.

        Raises:
            ValueError: `demo_drift` names no scenario.
        """
        return cls(
            trials=settings.demo_trials,
            first_day=settings.demo_from,
            days=settings.demo_days,
            until=settings.demo_until,
            seed=settings.seed,
            outcome=settings.demo_outcome,
            grace_days=settings.grace_days,
            again_share=settings.demo_again_share,
            damaged_share=settings.demo_damaged_share,
            touches=settings.demo_touches,
            drifts=read_drifts(settings.demo_drift or ""),
        )

    @property
    def end(self) -> datetime:
        """The midnight (UTC) of `until`."""
        return midnight(self.until)

"""The simulated business, driven day by day by whoever decides on the touches: for proof of the closed loop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.business import Business, draw_business
from churn_pipeline.capabilities.simulation.calendar import ALWAYS, DAY, day_number
from churn_pipeline.capabilities.simulation.outcome import Outcome
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.capabilities.simulation.records import trial_id
from churn_pipeline.capabilities.simulation.touches import BY_POLICY, KIND, Touches, planned, together
from churn_pipeline.capabilities.simulation.truth import truth
from churn_pipeline.capabilities.simulation.world import World, world

if TYPE_CHECKING:
    import pyarrow as pa

Actions = Mapping[str, str]
"""trial_id -> kind of touch."""


class ActionError(Exception):
    """Actions that cannot be taken; names each with its reason."""


class LiveWorld:
    """A world that goes on by one day at a time and does what it is told.

    With no actions its days, one after the other, are `simulate` of the same parameters, record by record. An action
    changes the records of its own trial and of no other, and none of the days before it.
    """

    def __init__(self, parameters: Parameters, *, today: date | None = None) -> None:
        """Stand at the midnight of `today` (the first day on which a trial starts, if not given)."""
        self._business: Business = draw_business(parameters)
        self._touches: Touches = self._business.plan.touches
        self._outcome: Outcome = self._business.outcome(self._touches)
        self._trial = {name: place for place, name in enumerate(trial_id(np.arange(parameters.trials)).to_pylist())}
        self.today: date = parameters.first_day if today is None else today

    def before(self) -> World:
        """All that is known at the midnight of today."""
        return world(self._business, self._touches, self._outcome, (ALWAYS, self._now))

    def step(self, actions: Actions | None = None) -> World:
        """Take the actions in the course of today, and give what becomes known of it; then it is the next day.

        A trial that converts before its touch is due is not touched. The truth is that of the trials that start today.

        Raises:
            ActionError: a trial is not running at the midnight of today, or there is no such kind of touch.
        """
        self._touches = together(self._touches, self._planned(actions or {}))
        self._outcome = self._business.outcome(self._touches)
        now = self._now
        self.today += timedelta(days=1)
        return world(self._business, self._touches, self._outcome, (now, self._now))

    def truth(self) -> pa.Table:
        """The truth about the trials that have started, given all that has been done to them."""
        return truth(self._business, self._outcome, np.flatnonzero(self._business.population.started < self._now))

    @property
    def _now(self) -> int:
        return day_number(self.today) * DAY

    def _planned(self, actions: Actions) -> Touches:
        """The actions as touches of today."""
        self._refuse(actions)
        trial = np.array([self._trial[name] for name in actions], np.int64)
        kind = np.array([KIND[name] for name in actions.values()], np.int64)
        people = self._business.population
        day = day_number(self.today) - people.start_day[trial]
        return planned(self._business.parameters.seed, people, trial, kind, day, BY_POLICY)

    def _refuse(self, actions: Actions) -> None:
        """Raise if an action cannot be taken."""
        offences = [f"{trial}: there is no touch {kind!r}" for trial, kind in actions.items() if kind not in KIND]
        offences += [f"{trial}: {why}" for trial in actions if (why := self._why_not(trial))]
        if offences:
            raise ActionError(
                f"{len(offences)} of {len(actions)} actions of {self.today} cannot be taken:\n  "
                + "\n  ".join(offences[:20])
                + f"\n  allowed: {', '.join(KIND)}, for trials that run at midnight and have not converted"
            )

    def _why_not(self, trial: str) -> str:
        """Why a trial cannot be touched today; empty if it can."""
        place = self._trial.get(trial)
        people = self._business.population
        if place is None or people.started[place] >= self._now:
            return "there is no such trial yet"
        if people.ends[place] <= self._now:
            return "its trial has ended"
        return "it has converted" if self._outcome.converted_at[place] < self._now else ""

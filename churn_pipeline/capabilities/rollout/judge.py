"""Whether a canary goes on to its next share of the trials, waits, or goes back, from what is known of it by a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from churn_pipeline.core.ledger import Canary
from churn_pipeline.core.metrics import Interval, losses
from churn_pipeline.core.sequence import always_valid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEAST_SCORED = 20
"""Trials scored on a day below which the distance of two samples tells of chance: of two equal models it is beyond .15 in a sixth of the days with two trials."""

Decision = Literal["advance", "wait", "go_back"]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a rollout goes on, and when back.

    `steps` are the shares (0 to 1) before the canary becomes champion. `margin` in nats of log loss, `max_distance` in
    probability, `min_conversions` are trials of either outcome.
    """

    steps: tuple[float, ...]
    wait_days: int
    confidence: float
    margin: float
    min_conversions: int
    max_distance: float

    def after(self, share: float) -> float:
        """The share that follows on a share; 1 makes the canary champion.

        >>> rule = Rule((0.1, 0.5), wait_days=7, confidence=0.9, margin=0.02, min_conversions=20, max_distance=0.15)
        >>> rule.after(0.1), rule.after(0.3), rule.after(0.5)
        (0.5, 0.5, 1.0)
        """
        return next((step for step in self.steps if step > share), 1.0)


@dataclass(frozen=True, slots=True)
class Said:
    """What champion and canary said of some looks at trials: probabilities, of one length."""

    champion: Numbers
    canary: Numbers

    @property
    def distance(self) -> float | None:
        """How far apart the two lie as distributions (Wasserstein); it sees a shift as well as a collapse. None where there are none."""
        if not len(self.champion):
            return None
        return float(np.abs(np.sort(self.champion) - np.sort(self.canary)).mean())


@dataclass(frozen=True, slots=True)
class Matured:
    """Looks at trials that have matured since, and what both said of them."""

    trial: NDArray[np.integer[Any]]
    """A number a trial."""
    converted: NDArray[np.bool_]
    said: Said


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with the canary, and why. `gain` in nats, champion minus canary: positive is better."""

    canary: Canary
    champion: str
    decision: Decision
    to_share: float
    """The share from the day on: of the next step, of this one, or 0."""
    gain: Interval | None
    trials: int
    conversions: int
    distance: float | None
    errors: int
    because: tuple[str, ...]

    def __str__(self) -> str:
        on_trial = f"model {self.canary.model_version}"
        what = {
            "advance": f"{on_trial} becomes champion"
            if self.to_share == 1
            else f"{on_trial} goes on to {self.to_share:.0%} of the trials",
            "wait": f"{on_trial} stays at {self.canary.share:.0%} of the trials",
            "go_back": f"{on_trial} goes back to no trial at all",
        }[self.decision]
        return f"{what}: " + "; ".join((*self.because, self._compared()))

    def _compared(self) -> str:
        if self.gain is None:
            many = "one trial" if self.trials else "no trial"
            return f"{many} that it and champion {self.champion} scored has matured yet"
        way = "better" if self.gain.mid >= 0 else "worse"
        return (
            f"log loss {way} by {abs(self.gain.mid):.3f} than champion {self.champion}, interval {self.gain.low:.3f}..{self.gain.high:.3f}, "
            f"on {self.trials:,} matured trials ({self.conversions:,} conversions)"
        )

    def row(self, *, as_of: datetime, run_id: str) -> dict[str, Any]:
        """The verdict as a row of `rollout_verdicts`."""
        return {
            "as_of": as_of,
            "model_version": self.canary.model_version,
            "compared_with": self.champion,
            "share": self.canary.share,
            "step_from": self.canary.step_from,
            "decision": self.decision,
            "verdict": str(self),
            "trials": self.trials,
            "conversions": self.conversions,
            "gain": self.gain.mid if self.gain else None,
            "gain_low": self.gain.low if self.gain else None,
            "gain_high": self.gain.high if self.gain else None,
            "distance": self.distance,
            "errors": self.errors,
            "run_id": run_id,
        }


def judge(
    matured: Matured,
    newest: Said,
    *,
    canary: Canary,
    champion: str,
    as_of: datetime,
    errors: int,
    damage: str | None,
    rule: Rule,
    unreachable: bool = False,
) -> Verdict:
    """The verdict of a day.

    It waits where the canary's files are `unreachable` today, which proves nothing about it. It goes back where the canary is damaged or failed to score on a day of the step (`errors`), where its `newest` scores lie
    apart from the champion's by more than `max_distance`, or where it is certain to be worse on what matured since the
    rollout began. It goes on where the step has lasted `wait_days`, enough trials have matured, and a loss of `margin` is
    ruled out. The interval holds at all daily looks together (`core.sequence`).
    """
    gain = always_valid(
        losses(matured.said.champion, matured.converted) - losses(matured.said.canary, matured.converted),
        groups=matured.trial,
        confidence=rule.confidence,
    )
    trials = len(np.unique(matured.trial))
    conversions = len(np.unique(matured.trial[matured.converted]))
    enough = min(conversions, trials - conversions) >= rule.min_conversions
    against = _told(
        f"it is damaged ({damage.splitlines()[0]})" if damage else "",
        f"it failed to score on {errors} {'day' if errors == 1 else 'days'} of this step" if errors else "",
        _apart(newest, rule),
        "it is worse for certain" if enough and gain is not None and gain.high < 0 else "",
    )
    open_ = _told(
        "its files cannot be read now" if unreachable else "",
        _too_early(canary, as_of, rule),
        "" if enough else f"{rule.min_conversions} that converted and as many that did not have to mature first",
        _unsure(gain, rule) if enough else "",
    )
    decision: Decision = "go_back" if against else "wait" if open_ else "advance"
    to_share = {"go_back": 0.0, "wait": canary.share, "advance": rule.after(canary.share)}[decision]
    lasted = f"{(as_of - canary.step_from).days} days at {canary.share:.0%}"
    because = {"go_back": against, "wait": open_, "advance": (lasted,)}[decision]
    return Verdict(canary, champion, decision, to_share, gain, trials, conversions, newest.distance, errors, because)


def _told(*reasons: str) -> tuple[str, ...]:
    return tuple(filter(None, reasons))


def _apart(newest: Said, rule: Rule) -> str:
    distance = newest.distance
    if distance is None or len(newest.canary) < LEAST_SCORED or distance <= rule.max_distance:
        return ""
    return f"its scores lie {distance:.2f} apart from the champion's, allowed are {rule.max_distance:.2f}"


def _too_early(canary: Canary, as_of: datetime, rule: Rule) -> str:
    left = rule.wait_days - (as_of - canary.step_from).days
    return f"the step lasts {rule.wait_days} days, {left} more" if left > 0 else ""


def _unsure(gain: Interval | None, rule: Rule) -> str:
    if gain is not None and gain.low > -rule.margin:
        return ""
    return f"a loss of {rule.margin:.3f} is not ruled out yet"

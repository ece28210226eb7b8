"""Whether a retrain is asked for. The decision alone: no Dagster, no clock, no tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Signs:
    """What the tables say of the champion on their newest day."""

    as_of: datetime
    """The day the figures belong to."""
    champion: str
    degraded: bool
    """Whether the champion's own matured scores were degraded."""
    performance: str
    """The verdict of `model_performance`, as a sentence."""
    drift_share: float
    """Share of its features that drifted, 0..1."""
    unable: str = ""
    """Why another had to score the day in its place; empty where none had to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether to retrain, and why. `key` names the request: the same signs never launch two runs."""

    retrain: bool
    because: str
    key: str = ""

    def __bool__(self) -> bool:
        """Whether to retrain."""
        return self.retrain

    def __str__(self) -> str:
        """The decision, as a sentence."""
        return f"{'retrain' if self.retrain else 'no retrain'}: {self.because}"


def ask_retrain(
    signs: Signs | None, *, now: datetime, last_retrain: datetime | None, cooldown_days: int, drift_share: float
) -> Asked:
    """Ask for a retrain where the champion degraded or could not score, or enough features drifted, unless one was asked for lately.

    `signs` is None before anything was monitored. `last_retrain` is when the last retrain began (also one that failed
    or whose model was not promoted) on the clock of `now`; within `cooldown_days` of it nothing is asked for.
    """
    if signs is None:
        return Asked(False, "nothing has been monitored yet")
    reasons = _reasons(signs, drift_share)
    if not reasons:
        return Asked(
            False,
            f"as of {signs.as_of:%Y-%m-%d} model {signs.champion} holds ({signs.performance}) and "
            f"{signs.drift_share:.0%} of its features drifted (bound {drift_share:.0%})",
        )
    because = f"as of {signs.as_of:%Y-%m-%d}, model {signs.champion}: " + " and ".join(reasons)
    if last_retrain is not None and now < (rested := last_retrain + timedelta(days=cooldown_days)):
        return Asked(
            False,
            f"{because}; but the last retrain began {last_retrain:%Y-%m-%d %H:%M}, "
            f"and none is asked for again before {rested:%Y-%m-%d %H:%M}",
        )
    return Asked(True, because, key=f"retrain-{signs.champion}-{signs.as_of:%Y-%m-%d}")


def _reasons(signs: Signs, drift_share: float) -> list[str]:
    reasons = [f"another scored in its place ({signs.unable})"] if signs.unable else []
    if signs.degraded:
        reasons.append(signs.performance)
    if signs.drift_share >= drift_share:
        reasons.append(f"{signs.drift_share:.0%} of the features drifted (bound {drift_share:.0%})")
    return reasons

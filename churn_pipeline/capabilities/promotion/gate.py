"""The gate: whether a challenger takes over, judged on trials that neither model has seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.core.gain import gain as measured_gain
from churn_pipeline.core.metrics import Interval, auc, ece, losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

BASE_RATE = "base rate"
POWER = 0.8
"""How often as many trials as are said to tell would do so."""


class GateError(Exception):
    """There is nothing to judge a challenger on."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a challenger takes over. `min_gain` in nats of log loss; `min_conversions` are trials of either outcome, which sentences call by the `noun`."""

    confidence: float
    min_gain: float
    min_conversions: int
    resamples: int
    noun: str = "trials"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said about each row (snapshot) of the newest matured cohorts: probabilities, all of one length."""

    trial_id: NDArray[np.object_]
    converted: NDArray[np.bool_]
    challenger: Numbers
    compared: Numbers
    floor: Numbers
    base: Numbers
    segments: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    """By attribute of the trial its value, or None."""

    def __post_init__(self) -> None:
        if not len(self.trial_id):
            raise GateError(
                "no matured trial is newer than what the models were fitted on, so nothing can be judged.\n"
                "  do: wait until newer trials have matured, then train again"
            )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger takes over, and why. Log losses in nats, means over rows (snapshots)."""

    challenger: str
    compared_with: str
    gain: Interval
    """Log loss, compared minus challenger: positive is better."""
    trials: int
    conversions: int
    log_loss: float
    compared_log_loss: float
    base_log_loss: float
    floor_log_loss: float
    auc: float | None
    compared_auc: float | None
    ece: float
    against: tuple[str, ...]
    """What speaks against it, broken guard rails included; nothing means that it is promoted."""
    guards_broken: tuple[str, ...] = ()
    """Of what speaks against it that which is no matter of the log loss over all."""
    remark: str = ""
    """What a reader must know about the comparison itself."""
    noun: str = "trials"
    """What sentences call those that were judged on."""

    @property
    def promote(self) -> bool:
        """Whether the challenger takes over."""
        return not self.against

    def __str__(self) -> str:
        way = "better" if self.gain.mid >= 0 else "worse"
        found = (
            f"log loss {way} by {abs(self.gain.mid):.3f} than {_named(self.compared_with)}, "
            f"interval {self.gain.low:.3f}..{self.gain.high:.3f}, on {self.trials:,} {self.noun} ({self.conversions:,} conversions)"
        )
        found += "".join(f", {figure}" for figure in self._figures())
        decision = f"model {self.challenger} {'promoted' if self.promote else 'not promoted'}"
        return "; ".join(filter(None, (f"{decision}: {found}", *self.against, self.remark)))

    def _figures(self) -> tuple[str, ...]:
        rival = f" (champion {_short(self.compared_auc)})" if self.compared_auc is not None else ""
        ranks = f"AUC {_short(self.auc)}{rival}" if self.auc is not None else ""
        return tuple(filter(None, (ranks, f"calibration error {_short(self.ece)}")))

    def row(self, *, as_of: datetime, run_id: str) -> dict[str, Any]:
        """The verdict as a row of `model_verdicts`."""
        return {
            "as_of": as_of,
            "model_version": self.challenger,
            "compared_with": self.compared_with,
            "promote": self.promote,
            "verdict": str(self),
            "trials": self.trials,
            "conversions": self.conversions,
            "log_loss": self.log_loss,
            "compared_log_loss": self.compared_log_loss,
            "base_log_loss": self.base_log_loss,
            "floor_log_loss": self.floor_log_loss,
            "gain": self.gain.mid,
            "gain_low": self.gain.low,
            "gain_high": self.gain.high,
            "auc": self.auc,
            "compared_auc": self.compared_auc,
            "ece": self.ece,
            "guards_broken": "; ".join(self.guards_broken) or None,
            "run_id": run_id,
        }


def judge(
    rows: Judged,
    *,
    challenger: str,
    champion: str | None,
    rule: Rule,
    rng: np.random.Generator,
    guards_broken: tuple[str, ...] = (),
    remark: str = "",
) -> Verdict:
    """The verdict on version `challenger` against version `champion`, or against the base rate where there is none.

    Promoted if the gain in log loss is real (lower end of its paired bootstrap interval over trials above
    `rule.min_gain`, above 0 for a first model), the log loss is better than the base rate's, the logistic regression is not
    better by more than noise, there were enough trials of either outcome to tell, and none of the `guards_broken`.
    """
    labels = rows.converted
    loss = {name: losses(getattr(rows, name), labels) for name in ("challenger", "compared", "floor", "base")}
    mean = {name: float(values.mean()) for name, values in loss.items()}

    def gain(over: str) -> Interval:
        return measured_gain(
            loss[over],
            loss["challenger"],
            groups=rows.trial_id,
            rng=rng,
            resamples=rule.resamples,
            confidence=rule.confidence,
        )

    trials, conversions = len(np.unique(rows.trial_id)), len(np.unique(rows.trial_id[labels]))
    both = bool(labels.any() and not labels.all())
    over_compared = gain("compared")
    against = (
        _too_few(trials, conversions, rule),
        _uncertain(over_compared, trials, rule),
        _no_better(mean["challenger"], mean["base"]),
        _beaten(gain("floor")),
        *guards_broken,
    )
    return Verdict(
        challenger=challenger,
        compared_with=champion or BASE_RATE,
        gain=over_compared,
        trials=trials,
        conversions=conversions,
        log_loss=mean["challenger"],
        compared_log_loss=mean["compared"],
        base_log_loss=mean["base"],
        floor_log_loss=mean["floor"],
        auc=auc(rows.challenger, labels) if both else None,
        compared_auc=auc(rows.compared, labels) if both and champion else None,
        ece=ece(rows.challenger, labels),
        against=tuple(filter(None, against)),
        guards_broken=guards_broken,
        remark=remark,
        noun=rule.noun,
    )


def _too_few(trials: int, conversions: int, rule: Rule) -> str:
    if min(conversions, trials - conversions) >= rule.min_conversions:
        return ""
    return f"too few to judge: {rule.min_conversions} {rule.noun} that converted and as many that did not are needed"


def _uncertain(gain: Interval, trials: int, rule: Rule) -> str:
    needed = rule.min_gain
    if gain.low > needed:
        return ""
    said = f"the interval's lower end is not above {needed:.3f}"
    if gain.mid <= needed:
        return said
    # the interval narrows with the root of the number of trials; and the gain found there will be less than this one half of the time
    room = 1 + NormalDist().inv_cdf(POWER) / NormalDist().inv_cdf((1 + rule.confidence) / 2)
    enough = trials * (room * (gain.mid - gain.low) / (gain.mid - needed)) ** 2
    return f"{said}; if the gain stays as it is, about {_rounded(enough):,} {rule.noun} would tell"


def _no_better(mine: float, base: float) -> str:
    return "" if mine < base else f"not better than the base rate ({mine:.4f} against {base:.4f})"


def _beaten(gain: Interval) -> str:
    if gain.high >= 0:
        return ""
    return f"worse than the logistic regression by {-gain.mid:.3f}, interval {-gain.high:.3f}..{-gain.low:.3f}"


def _rounded(number: float) -> int:
    """A number of which two digits are worth saying, rounded up.

    >>> _rounded(12_345.6)
    13000
    """
    unit = 10.0 ** max(0, math.floor(math.log10(number)) - 1)
    return round(math.ceil(number / unit) * unit)


def _short(share: float) -> str:
    """A number from 0 to 1 without its leading zero: .812."""
    return f"{share:.3f}".removeprefix("0")


def _named(compared_with: str) -> str:
    return f"the {BASE_RATE}" if compared_with == BASE_RATE else f"champion {compared_with}"

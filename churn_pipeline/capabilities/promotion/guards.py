"""Guard rails: what a challenger that is better over all may not be worse in. Each is a sentence where it is broken, else nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.promotion.conduct import Explains, alike, milliseconds, pairs
from churn_pipeline.capabilities.promotion.gate import Judged
from churn_pipeline.core.metrics import Interval, losses, offset

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

MOST_TOLD = 3
"""Segments that a verdict names, the worst first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the guard rails stand. `confidence` is two-sided, of all of them together; `min_conversions` are trials of either outcome, which sentences call by the `noun`."""

    confidence: float
    min_conversions: int
    max_latency_ms: float
    max_reasons_lost: float
    """Of the cosine between the reasons of one look at a trial and of the next."""
    noun: str = "trials"

    @property
    def each(self) -> float:
        """The confidence of calibration, and of all segments: one half of what may err each.

        Steady reasons err far less often, since a loss up to `max_reasons_lost` is allowed.
        """
        return (1 + self.confidence) / 2


@dataclass(frozen=True, slots=True)
class SegmentGain:
    """The gain in log loss among the trials that have a value of an attribute; nats, mean over rows, positive is better."""

    attribute: str
    value: str
    trials: int
    conversions: int
    gain: Interval
    """As wide as the number of segments asks for (Bonferroni)."""

    @property
    def worse(self) -> bool:
        """Whether there is evidence that the challenger is worse here."""
        return self.gain.high < 0


@dataclass(frozen=True, slots=True)
class Reasons:
    """How steady the reasons are: mean cosines between those of consecutive looks at a trial."""

    alike: float
    champion_alike: float
    lost: Interval
    """The champion's less the challenger's."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """What can only be told beside a champion."""

    champion: str
    offset: Interval
    """Observed minus predicted rate of the challenger."""
    champion_offset: Interval
    segments: tuple[SegmentGain, ...]
    reasons: Reasons | None = None
    """Missing where too few trials were looked at twice."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the guard rails look at; `rivals` is missing where there is no champion."""

    milliseconds: float
    rivals: Rivals | None = None

    def broken(self, limits: Limits) -> tuple[str, ...]:
        """A sentence for each guard rail that is broken."""
        told = (_slow(self.milliseconds, limits), *(_against(self.rivals, limits) if self.rivals else ()))
        return tuple(filter(None, told))


def look(
    rows: Judged,
    frame: pd.DataFrame,
    *,
    challenger: Explains,
    champion: tuple[str, Explains] | None,
    limits: Limits,
    rng: np.random.Generator,
    timer: Callable[[], float],
) -> Seen:
    """What speaks for and against the challenger beside its gain; `frame` holds the snapshots that were judged, `champion` version and scorer."""
    took = milliseconds(challenger, frame, rng=rng, timer=timer)
    if champion is None:
        return Seen(took)
    version, rival = champion
    looks = pairs(frame, rng=rng)
    return Seen(took, replace(of_scores(rows, version, limits), reasons=_reasons(challenger, rival, looks, limits)))


def of_scores(rows: Judged, champion: str, limits: Limits) -> Rivals:
    """What the scores alone tell beside the champion: calibration and segments."""
    return Rivals(
        champion=champion,
        offset=offset(rows.challenger, rows.converted, groups=rows.trial_id, confidence=limits.each),
        champion_offset=offset(rows.compared, rows.converted, groups=rows.trial_id, confidence=limits.each),
        segments=by_segment(rows, confidence=limits.each, least=limits.min_conversions),
    )


def _reasons(challenger: Explains, champion: Explains, looks: pd.DataFrame, limits: Limits) -> Reasons | None:
    mine, theirs = alike(challenger, looks), alike(champion, looks)
    if len(mine) < 2:
        return None
    lost = _mean(theirs - mine, groups=np.arange(len(mine)), confidence=limits.each)
    return Reasons(float(mine.mean()), float(theirs.mean()), lost)


def by_segment(rows: Judged, *, confidence: float, least: int) -> tuple[SegmentGain, ...]:
    """The gain in each segment with at least so many trials of either outcome.

    A challenger that is nowhere worse is called worse somewhere in at most half of `1 - confidence`: the interval of each is as wide
    as their number asks for.
    """
    import pandas as pd

    segments = {
        (attribute, str(value)): values == value
        for attribute, values in rows.segments.items()
        for value in np.unique(values[pd.notna(values)].astype(str))
    }
    enough = {named: chosen for named, chosen in segments.items() if _tells(rows, chosen, least)}
    better = losses(rows.compared, rows.converted) - losses(rows.challenger, rows.converted)
    return tuple(
        SegmentGain(
            attribute,
            value,
            len(np.unique(rows.trial_id[chosen])),
            len(np.unique(rows.trial_id[chosen & rows.converted])),
            _mean(better[chosen], groups=rows.trial_id[chosen], confidence=1 - (1 - confidence) / len(enough)),
        )
        for (attribute, value), chosen in enough.items()
    )


def _tells(rows: Judged, chosen: NDArray[np.bool_], least: int) -> bool:
    either = (rows.trial_id[chosen & outcome] for outcome in (rows.converted, ~rows.converted))
    return min(len(np.unique(trials)) for trials in either) >= least


def _mean(values: ArrayLike, *, groups: ArrayLike, confidence: float) -> Interval:
    """Mean over rows, with the interval of Student's t for the sums of the groups (Liang and Zeger 1986).

    At the confidence that many segments ask for a bootstrap would have to draw forty times the number of them before its ends mean something.
    """
    from scipy.special import stdtrit

    given = np.asarray(values, dtype=np.float64)
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    mean, count = float(given.mean()), int(code.max()) + 1
    sums = np.bincount(code, given - mean)
    deviation = float(np.sqrt((sums**2).sum() * count / (count - 1))) / len(given)
    half = float(stdtrit(count - 1, (1 + confidence) / 2)) * deviation
    return Interval(mean, mean - half, mean + half)


def _against(found: Rivals, limits: Limits) -> tuple[str, ...]:
    worse = sorted((segment for segment in found.segments if segment.worse), key=lambda segment: segment.gain.mid)
    more = f"and in {len(worse) - MOST_TOLD} more segments" if len(worse) > MOST_TOLD else ""
    return (
        _off(found),
        *(_worse(one, found.champion, limits.noun) for one in worse[:MOST_TOLD]),
        more,
        _fickle(found.reasons, found.champion, limits),
    )


def _off(found: Rivals) -> str:
    mine, theirs = found.offset, found.champion_offset
    if mine.low <= 0 <= mine.high or abs(mine.mid) <= abs(theirs.mid):
        return ""
    way = "more" if mine.mid > 0 else "fewer"
    return (
        f"off in calibration: {abs(mine.mid):.1%} {way} convert than it says, interval {_ends(mine)}; "
        f"champion {found.champion} is off by {abs(theirs.mid):.1%}"
    )


def _ends(of: Interval) -> str:
    low, high = sorted((abs(of.low), abs(of.high)))
    return f"{low:.1%}..{high:.1%}"


def _worse(segment: SegmentGain, champion: str, noun: str) -> str:
    loss = segment.gain
    return (
        f"worse than champion {champion} where {segment.attribute} is {segment.value}: log loss by {-loss.mid:.3f}, "
        f"interval {-loss.high:.3f}..{-loss.low:.3f}, on {segment.trials:,} {noun} ({segment.conversions:,} conversions)"
    )


def _slow(took: float, limits: Limits) -> str:
    if took <= limits.max_latency_ms:
        return ""
    return f"takes {took:,.0f} ms of a processor for a score with its reasons; at most {limits.max_latency_ms:,g} ms are allowed (gate_max_latency_ms)"


def _fickle(found: Reasons | None, champion: str, limits: Limits) -> str:
    if found is None or found.lost.low <= limits.max_reasons_lost:
        return ""
    return (
        f"reasons that change from look to look: their mean cosine is {found.alike:.2f}, that of champion {champion} {found.champion_alike:.2f}; "
        f"lower by {found.lost.low:.2f}..{found.lost.high:.2f}, where {limits.max_reasons_lost:g} is allowed (gate_max_reasons_lost)"
    )

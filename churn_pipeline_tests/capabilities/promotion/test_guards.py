from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.promotion import guards
from churn_pipeline.capabilities.promotion.gate import Judged, Rule, judge
from churn_pipeline.capabilities.promotion.guards import Limits, Reasons, Rivals, Seen, by_segment, look
from churn_pipeline.core.log_odds import log_odds, probability
from churn_pipeline.core.metrics import Interval
from churn_pipeline.core.reasons import Explanation
from churn_pipeline.core.schema import FeatureSchema, ModelFeature

LIMITS = Limits(confidence=0.95, min_conversions=20, max_latency_ms=100, max_reasons_lost=0.1)
RULE = Rule(confidence=0.95, min_gain=0.0, min_conversions=20, resamples=400)
BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
LOOKS = 3


class Steady:
    """A model whose reasons at a look are those of the trial, and so much that is drawn for each look."""

    def __init__(self, restless: float = 0.0) -> None:
        self.restless = restless
        self.schema = FeatureSchema(tuple(ModelFeature(f"f{n}", "number") for n in range(5)))

    def explain(self, frame: pd.DataFrame) -> Explanation:
        own = frame[list(self.schema.names)].to_numpy(dtype=np.float64)
        drawn = np.random.default_rng(3).normal(size=own.shape)
        pushes = own + self.restless * drawn
        return Explanation(self.schema.names, 0.0, pushes, pushes.sum(axis=1))


def world(
    trials: int = 2_000, *, challenger: float = 0.6, champion: float = 0.6, seed: int = 1
) -> tuple[Judged, pd.DataFrame]:
    """Trials with two attributes, looked at three times; each model sees the truth through noise of that size (log-odds)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.normal(-0.6, 1.2, trials), LOOKS)
    converted = np.repeat(rng.random(trials) < probability(truth[::LOOKS]), LOOKS)
    plan = np.repeat(rng.choice(np.array(["free", "team", "pro", None], dtype=object), trials), LOOKS)
    sector = np.repeat(rng.choice(np.array([*"abcdef"], dtype=object), trials), LOOKS)
    names = np.repeat(np.array([f"t{n}" for n in range(trials)], dtype=object), LOOKS)

    def seen(noise: float) -> np.ndarray:
        own = np.repeat(rng.normal(0, noise, trials), LOOKS) + rng.normal(0, noise / 2, trials * LOOKS)
        return probability(-0.6 + (truth + 0.6 + own) * 1.44 / (1.44 + 1.25 * noise**2))

    base = np.full(len(truth), converted.mean())
    segments = {"plan": plan, "sector": sector}
    rows = Judged(names, converted, seen(challenger), seen(champion), base, base, segments)
    own = np.repeat(rng.normal(size=(trials, 5)), LOOKS, axis=0)
    frame = pd.DataFrame(own, columns=[f"f{n}" for n in range(5)]).assign(
        trial_id=names, as_of=[BEGIN + timedelta(days=n % LOOKS) for n in range(len(names))]
    )
    return rows, frame


def seen(
    given: tuple[Judged, pd.DataFrame], *, mine: Steady | None = None, first: bool = False, took: float = 0.001
) -> Seen:
    ticks = count(0, took)
    return look(
        *given,
        challenger=mine or Steady(),
        champion=None if first else ("3", Steady()),
        limits=LIMITS,
        rng=np.random.default_rng(1),
        timer=lambda: next(ticks),
    )


def shifted(
    given: tuple[Judged, pd.DataFrame], by: float, where: np.ndarray | bool = True
) -> tuple[Judged, pd.DataFrame]:
    """The same, where the challenger says so much more (log-odds) of the rows `where`."""
    rows, frame = given
    moved = probability(log_odds(rows.challenger) + np.where(where, by, 0.0))
    return replace(rows, challenger=moved), frame


def test_a_better_challenger_with_nothing_against_it_breaks_no_guard_rail() -> None:
    found = seen(world(challenger=0.3, champion=1.2))
    assert found.broken(LIMITS) == ()
    assert found.rivals is not None
    assert found.rivals.reasons is not None
    assert found.rivals.reasons.alike == pytest.approx(1)
    assert [s.attribute for s in found.rivals.segments] == ["plan"] * 3 + ["sector"] * 6


def test_a_challenger_that_is_better_over_all_and_worse_in_one_segment_is_refused_by_its_name() -> None:
    rows, frame = world(challenger=0.1, champion=1.5)
    wrong = rows.segments["sector"] == "b"
    given, _ = shifted((rows, frame), 2.0, wrong)
    broken = seen((given, frame)).broken(LIMITS)
    rng = np.random.default_rng(1)
    verdict = judge(given, challenger="4", champion="3", rule=RULE, rng=rng, guards_broken=broken)
    assert verdict.gain.low > 0
    assert verdict.against == broken
    assert not verdict.promote
    (told,) = [sentence for sentence in broken if " where " in sentence]
    assert f"; {told}" in str(verdict)
    assert told.startswith("worse than champion 3 where sector is b: log loss by 0.")
    assert f"on {len(set(rows.trial_id[wrong])):,} trials (" in told
    assert verdict.row(as_of=BEGIN, run_id="r")["guards_broken"] == "; ".join(broken)
    free = judge(rows, challenger="4", champion="3", rule=RULE, rng=rng)
    assert free.row(as_of=BEGIN, run_id="r")["guards_broken"] is None


def test_of_many_segments_the_three_worst_are_named() -> None:
    rows, frame = world()
    given = (replace(rows, challenger=1 - rows.challenger), frame)
    broken = seen(given).broken(LIMITS)
    named = [sentence for sentence in broken if " where " in sentence]
    assert len(named) == 3
    assert "and in 6 more segments" in broken


def test_segments_with_too_few_trials_of_either_outcome_and_unknown_ones_are_not_looked_at() -> None:
    rows, _ = world()
    few = rows.segments["plan"].copy()
    first = np.isin(rows.trial_id, rows.trial_id[::LOOKS][:30])
    few[first] = "rare"
    found = by_segment(replace(rows, segments={"plan": few}), confidence=0.95, least=20)
    assert [s.value for s in found] == ["free", "pro", "team"]
    assert by_segment(replace(rows, segments={}), confidence=0.95, least=20) == ()


def test_a_challenger_off_in_calibration_is_refused_unless_the_champion_is_farther_off() -> None:
    given = shifted(world(), 0.4)
    (told,) = [sentence for sentence in seen(given).broken(LIMITS) if "calibration" in sentence]
    assert told.startswith("off in calibration: ")
    assert "fewer convert than it says, interval " in told
    rows, frame = given
    farther = replace(rows, compared=probability(log_odds(rows.compared) - 1.0))
    assert not [s for s in seen((farther, frame)).broken(LIMITS) if "calibration" in s]


def test_a_slow_challenger_says_what_it_takes_and_a_quick_one_nothing() -> None:
    assert seen(world(200), took=0.25).broken(LIMITS) == (
        "takes 250 ms of a processor for a score with its reasons; at most 100 ms are allowed (gate_max_latency_ms)",
    )
    assert seen(world(200), took=0.09).broken(LIMITS) == ()


def test_reasons_that_change_more_from_look_to_look_than_the_champions_speak_against_it() -> None:
    better = world(challenger=0.3, champion=1.2)
    (told,) = seen(better, mine=Steady(restless=1.0)).broken(LIMITS)
    assert told.startswith("reasons that change from look to look: their mean cosine is 0.")
    assert "that of champion 3 1.00; lower by 0." in told
    assert seen(better, mine=Steady(restless=0.1)).broken(LIMITS) == ()


def test_a_loss_of_steadiness_needs_evidence() -> None:
    of = Interval(0.0, -0.1, 0.1)
    few, many = (Reasons(0.6, 0.9, lost) for lost in (Interval(0.3, 0.05, 0.55), Interval(0.3, 0.15, 0.45)))
    assert Seen(1.0, Rivals("3", of, of, (), few)).broken(LIMITS) == ()
    assert len(Seen(1.0, Rivals("3", of, of, (), many)).broken(LIMITS)) == 1


def test_trials_that_were_looked_at_once_say_nothing_of_steadiness() -> None:
    rows, frame = world(200)
    once = frame.drop_duplicates("trial_id")
    found = seen((rows, once), mine=Steady(restless=5.0))
    assert found.rivals is not None
    assert found.rivals.reasons is None


def test_of_a_first_model_nothing_but_its_time_is_asked() -> None:
    off = shifted(world(), 1.0)
    found = seen(off, mine=Steady(restless=5.0), first=True)
    assert found.rivals is None
    assert found.broken(LIMITS) == ()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores take no time, and none is given to measuring how much."""
    monkeypatch.setattr(guards, "milliseconds", lambda *_, **__: 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_guard_rails_refuse_a_challenger_that_is_as_good_as_the_champion_at_most_one_time_in_twenty() -> None:
    """Calibration may err in 2.5 % of the worlds, segments in 1.25; so more than 10 of 200 would be too many."""
    broken = [bool(seen(world(400, seed=seed)).broken(LIMITS)) for seed in range(200)]
    assert np.mean(broken) <= 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_a_planted_loss_in_one_segment_is_found() -> None:
    """The challenger sees more, and says 0.9 log-odds too much in a sixth of the trials: 0.07 nats there (670 trials)."""

    def found(seed: int) -> bool:
        rows, frame = world(4_000, challenger=0.1, champion=0.3, seed=seed)
        given = shifted((rows, frame), 0.9, rows.segments["sector"] == "c")
        return any("sector is c" in sentence for sentence in seen(given).broken(LIMITS))

    assert np.mean([found(seed) for seed in range(40)]) >= 0.9

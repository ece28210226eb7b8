from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from churn_pipeline.capabilities.rollout.judge import Matured, Rule, Said, Verdict, judge
from churn_pipeline.contracts.production import ROLLOUT_VERDICTS
from churn_pipeline.core.ledger import Canary
from churn_pipeline.core.log_odds import probability

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
RULE = Rule((0.1, 0.5), wait_days=7, confidence=0.9, margin=0.02, min_conversions=20, max_distance=0.15)
CANARY = Canary("5", 0.1, step_from=BEGIN, since=BEGIN)
NOTHING = Matured(np.array([], dtype=np.int64), np.array([], dtype=bool), Said(np.array([]), np.array([])))


def matured(trials: int, *, better: float, seed: int = 1) -> Matured:
    """Five looks at each of so many trials; the canary knows more of the truth than the champion by `better` (log-odds)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-0.5, 1.2, trials)
    converted = rng.random(trials) < probability(truth)
    looks = np.repeat(np.arange(trials), 5)
    noise = rng.normal(0, 1.0, trials)
    champion, canary = (probability(truth + noise * wrong)[looks] for wrong in (1.0, 1.0 - better))
    return Matured(looks, converted[looks], Said(champion, canary))


def equal(trials: int, *, seed: int = 1) -> Matured:
    """The same, as a whole: of each trial one of the two, by chance, knows more than the other."""
    seen = matured(trials, better=0.8, seed=seed)
    swap = (np.random.default_rng([seed, 1]).random(trials) < 0.5)[np.repeat(np.arange(trials), 5)]
    one, other = seen.said.champion, seen.said.canary
    return replace(seen, said=Said(np.where(swap, one, other), np.where(swap, other, one)))


def looked(
    seen: Matured = NOTHING, newest: Said | None = None, *, days: int, canary: Canary = CANARY, **other: Any
) -> Verdict:
    given: dict[str, Any] = {"errors": 0, "damage": None, "rule": RULE, **other}
    return judge(seen, newest or seen.said, canary=canary, champion="4", as_of=BEGIN + timedelta(days=days), **given)


def test_it_waits_until_the_step_has_lasted_and_enough_has_matured() -> None:
    verdict = looked(days=2)
    assert (verdict.decision, verdict.to_share) == ("wait", 0.1)
    assert str(verdict) == (
        "model 5 stays at 10% of the trials: the step lasts 7 days, 5 more; 20 that converted and as many that did not have to mature first; "
        "no trial that it and champion 4 scored has matured yet"
    )


@pytest.mark.parametrize(("share", "then", "words"), [(0.1, 0.5, "goes on to 50%"), (0.5, 1.0, "becomes champion")])
def test_a_good_canary_goes_on_step_by_step(share: float, then: float, words: str) -> None:
    verdict = looked(matured(400, better=0.3), days=7, canary=replace(CANARY, share=share))
    assert (verdict.decision, verdict.to_share) == ("advance", then)
    assert words in str(verdict)
    assert f"7 days at {share:.0%}; log loss better by" in str(verdict)


def test_one_that_is_as_good_goes_on_only_when_a_loss_is_ruled_out() -> None:
    few, many = (looked(equal(trials), days=9) for trials in (80, 4_000))
    assert (few.decision, few.because) == ("wait", ("a loss of 0.020 is not ruled out yet",))
    assert many.decision == "advance"


def test_one_that_is_worse_for_certain_goes_back_even_before_the_step_is_over() -> None:
    verdict = looked(matured(400, better=-0.8), days=5)
    assert (verdict.decision, verdict.to_share, verdict.because) == ("go_back", 0.0, ("it is worse for certain",))
    assert str(verdict).startswith("model 5 goes back to no trial at all: it is worse for certain; log loss worse by")


def test_nothing_is_certain_of_a_handful_of_trials() -> None:
    assert looked(matured(12, better=-3.0), NOTHING.said, days=5).decision == "wait"


def test_scores_that_collapse_or_shift_send_it_back_before_anything_has_matured() -> None:
    said = matured(300, better=0.0).said
    for strange in (np.full_like(said.canary, said.champion.mean()), np.clip(said.canary + 0.3, 0, 1)):
        verdict = looked(NOTHING, Said(said.champion, strange), days=1)
        assert verdict.decision == "go_back"
        assert "apart from the champion's, allowed are 0.15" in str(verdict)


def test_a_day_without_its_scores_or_a_changed_byte_sends_it_back() -> None:
    assert looked(days=3, errors=1).because == ("it failed to score on 1 day of this step",)
    assert looked(days=3, errors=2).because == ("it failed to score on 2 days of this step",)
    assert looked(days=3, damage="manifest.json: changed\n  do: x").because == (
        "it is damaged (manifest.json: changed)",
    )


def test_a_distance_of_a_handful_of_trials_tells_nothing() -> None:
    said = matured(3, better=0.0).said
    assert looked(NOTHING, Said(said.champion, 1 - said.champion * 0), days=1).decision == "wait"


def test_files_that_cannot_be_read_now_prove_nothing_and_it_waits() -> None:
    verdict = looked(matured(400, better=0.3), days=9, unreachable=True)
    assert (verdict.decision, verdict.because) == ("wait", ("its files cannot be read now",))


def test_the_row_holds_what_the_verdict_does() -> None:
    row = looked(matured(400, better=0.3), days=7).row(as_of=BEGIN, run_id="r")
    assert set(row) == set(ROLLOUT_VERDICTS.names)
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    assert looked(days=1).row(as_of=BEGIN, run_id="r")["gain"] is None


@pytest.mark.slow
def test_of_equal_canaries_no_more_go_back_than_was_said_and_of_bad_ones_nearly_all_do() -> None:
    """200 rollouts each, looked at daily for 30 days in which 15 trials mature a day. Log loss of the bad one is worse by about .08."""
    back = {}
    for name in ("equal", "bad"):
        rollouts = (
            equal(450, seed=seed) if name == "equal" else matured(450, better=-0.8, seed=seed) for seed in range(200)
        )
        back[name] = sum(
            any(looked(_first(seen, 15 * day), days=day).decision == "go_back" for day in range(2, 31))
            for seen in rollouts
        )
    # of 200 at .05 (one side of .9) three standard deviations are .046
    assert back["equal"] / 200 <= 0.096
    assert back["bad"] / 200 >= 0.95


def _first(seen: Matured, trials: int) -> Matured:
    rows = slice(0, trials * 5)
    return Matured(seen.trial[rows], seen.converted[rows], Said(seen.said.champion[rows], seen.said.canary[rows]))

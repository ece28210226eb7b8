from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from churn_pipeline.capabilities.promotion.gate import BASE_RATE, GateError, Judged, Rule, Verdict, judge
from churn_pipeline.contracts.production import MODEL_VERDICTS
from churn_pipeline.core.log_odds import log_odds, probability
from churn_pipeline.core.metrics import log_loss

RULE = Rule(confidence=0.95, min_gain=0.0, min_conversions=20, resamples=400)
DAY = datetime(2024, 5, 1, tzinfo=UTC)


def rows(trials: int, *, challenger: float, champion: float, seed: int = 1, looks: int = 3) -> Judged:
    """Trials looked at several times; each model sees the truth through noise of that size (log-odds)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.normal(-0.6, 1.2, trials), looks)
    converted = np.repeat(rng.random(trials) < probability(truth[::looks]), looks)

    def seen(noise: float) -> np.ndarray:
        """Noise that hangs together within a trial, shrunken as a calibrated model would be."""
        own = np.repeat(rng.normal(0, noise, trials), looks) + rng.normal(0, noise / 2, trials * looks)
        shrunk = 1.44 / (1.44 + 1.25 * noise**2)
        return probability(-0.6 + (truth + 0.6 + own) * shrunk)

    return Judged(
        trial_id=np.repeat(np.array([f"t{n}" for n in range(trials)], dtype=object), looks),
        converted=converted,
        challenger=seen(challenger),
        compared=seen(champion),
        floor=seen(2.0),
        base=np.full(trials * looks, converted.mean()),
    )


def verdict(given: Judged, *, champion: str | None = "3", rule: Rule = RULE, seed: int = 1) -> Verdict:
    return judge(given, challenger="4", champion=champion, rule=rule, rng=np.random.default_rng(seed))


def test_a_better_model_is_promoted_with_a_sentence() -> None:
    found = verdict(rows(3_000, challenger=0.5, champion=1.2))
    assert found.promote
    assert found.gain.low > 0
    assert found.auc is not None
    assert found.compared_auc is not None
    assert found.auc > found.compared_auc
    assert str(found).startswith("model 4 promoted: log loss better by 0.0")
    assert "than champion 3, interval 0.0" in str(found)
    assert "on 3,000 trials" in str(found)
    figures = r", AUC \.\d{3} \(champion \.\d{3}\), calibration error \.\d{3}$"
    assert re.search(figures, str(found))
    assert f"AUC {found.auc:.3f}".replace("0.", ".", 1) in str(found)


def test_a_gain_within_the_noise_is_not_enough() -> None:
    found = verdict(rows(300, challenger=0.9, champion=0.95, seed=2))
    assert not found.promote
    assert "model 4 not promoted: log loss" in str(found)
    assert "the interval's lower end is not above 0.000" in str(found)


def test_a_gain_below_the_least_gain_is_not_enough() -> None:
    given = rows(3_000, challenger=0.5, champion=1.2)
    found = verdict(given, rule=replace(RULE, min_gain=0.5))
    assert found.against == ("the interval's lower end is not above 0.500",)


def test_a_model_worse_than_the_floor_or_the_base_rate_is_never_promoted() -> None:
    given = rows(3_000, challenger=0.8, champion=2.5)
    assert verdict(given).promote
    beaten = verdict(replace(given, floor=rows(3_000, challenger=0.1, champion=1.0).challenger))
    assert not beaten.promote
    assert beaten.floor_log_loss < beaten.log_loss
    assert re.search(r"worse than the logistic regression by 0\.\d{3}, interval 0\.\d{3}\.\.0\.\d{3}", str(beaten))
    wrong = replace(given, challenger=1 - given.challenger, compared=np.full(9_000, 1e-6))
    assert "not better than the base rate" in str(verdict(wrong))


def test_a_regression_that_is_ahead_by_no_more_than_noise_does_not_keep_a_model_out() -> None:
    given = rows(1_000, challenger=0.8, champion=2.5)
    rng = np.random.default_rng(5)
    twin = probability(log_odds(given.challenger) + np.repeat(rng.normal(0, 0.2, 1_000), 3))
    ahead = next(
        floor
        for floor in (
            twin,
            probability(0.98 * log_odds(given.challenger)),
            probability(1.02 * log_odds(given.challenger)),
        )
        if log_loss(floor, given.converted) < log_loss(given.challenger, given.converted)
    )
    found = verdict(replace(given, floor=ahead))
    assert found.promote
    assert found.floor_log_loss < found.log_loss


def test_what_is_undecided_says_how_many_trials_would_tell() -> None:
    many = verdict(rows(20_000, challenger=0.7, champion=0.9)).gain
    enough = 20_000 * ((1 + 0.8416 / 1.96) * (many.mid - many.low) / many.mid) ** 2
    undecided = [str(verdict(rows(300, challenger=0.7, champion=0.9, seed=seed))) for seed in range(20)]
    told = [re.search(r"about ([\d,]+) trials would tell", words) for words in undecided]
    needed = [int(found[1].replace(",", "")) for found in told if found]
    assert len(needed) >= 5
    assert min(needed) > 300
    assert enough / 3 < np.median(needed) < enough * 3
    worse = verdict(rows(300, challenger=2.0, champion=0.5))
    assert "would tell" not in str(worse)


def test_the_first_model_has_to_beat_the_base_rate() -> None:
    given = rows(1_000, challenger=0.5, champion=1.0)
    first = verdict(replace(given, compared=given.base), champion=None)
    assert first.promote
    assert first.compared_with == BASE_RATE
    assert first.compared_auc is None
    assert "than the base rate" in str(first)
    assert re.search(r", AUC \.\d{3}, calibration error", str(first))
    blind = replace(given, challenger=given.base, compared=given.base)
    assert not verdict(blind, champion=None).promote
    lucky = replace(blind, challenger=given.base + 1e-4 * np.where(given.converted, 1, -1))
    told = verdict(lucky, champion=None, rule=replace(RULE, min_gain=0.001))
    assert told.gain.low > 0
    assert not told.promote, "a model that is all but the base rate is none"


def test_too_few_of_either_outcome_decide_nothing() -> None:
    given = rows(3_000, challenger=0.3, champion=2.0)
    few = np.isin(given.trial_id, [f"t{n}" for n in range(30)])
    found = verdict(Judged(*(getattr(given, name)[few] for name in Judged.__slots__ if name != "segments")))
    assert not found.promote
    assert "too few to judge: 20 trials that converted and as many that did not are needed" in str(found)


def test_of_a_feature_table_it_speaks_of_entities() -> None:
    of_entities = replace(RULE, noun="entities", min_conversions=10_000, min_gain=0.01)
    told = str(verdict(rows(300, challenger=0.3, champion=0.35), rule=of_entities))
    assert " entities (" in told
    assert "too few to judge: 10000 entities that converted and as many" in told
    assert "trials" not in told


def test_one_outcome_only_has_no_auc_and_does_not_promote() -> None:
    given = rows(200, challenger=0.5, champion=1.0)
    found = verdict(replace(given, converted=np.zeros(600, dtype=bool)))
    assert (found.auc, found.promote) == (None, False)
    assert "AUC" not in str(found)
    assert ", calibration error " in str(found)


def test_nothing_to_judge_on_is_an_error() -> None:
    nothing = np.zeros(0)
    with pytest.raises(GateError, match="no matured trial is newer"):
        Judged(nothing.astype(object), nothing.astype(bool), nothing, nothing, nothing, nothing)


def test_the_row_is_a_row_of_the_contract_and_the_same_rng_gives_the_same() -> None:
    given = rows(300, challenger=0.5, champion=1.0)
    row = verdict(given).row(as_of=DAY, run_id="r")
    assert tuple(row) == MODEL_VERDICTS.names
    assert row == verdict(given).row(as_of=DAY, run_id="r")
    assert row["verdict"] == str(verdict(given))


@pytest.mark.slow
def test_null_challengers_are_promoted_at_most_one_time_in_twenty() -> None:
    """Both models see the truth equally well. The interval's lower end is above 0 in 2.5 % of 600 worlds, give or take 1.3."""
    promoted = [verdict(rows(500, challenger=1.0, champion=1.0, seed=seed), seed=seed).promote for seed in range(600)]
    assert np.mean(promoted) <= 0.05


@pytest.mark.slow
def test_a_planted_better_model_is_found() -> None:
    """The challenger's noise is 0.6 against 1.0 (about 0.02 nats): with 2,000 trials nearly every world shows it."""
    promoted = [verdict(rows(2_000, challenger=0.6, champion=1.0, seed=seed), seed=seed).promote for seed in range(60)]
    assert np.mean(promoted) >= 0.9

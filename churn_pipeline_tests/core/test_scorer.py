"""The four tests of a promise: the reasons of a score add up because their parts are right."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.core import log_odds as logit
from churn_pipeline.core import metrics
from churn_pipeline.core.calibration import FITS, Calibrator, Kind
from churn_pipeline.core.members.logistic import LogisticMember
from churn_pipeline.core.reasons import TOLERANCE, ReasonsError, reasons
from churn_pipeline.core.scorer import Scorer, ScorerError
from churn_pipeline_tests.scorers import fitted, lightgbm_member, network_member, trials, xgboost_member

EVERY_KIND = pytest.mark.parametrize("kind", FITS)


def _unseen(count: int, seed: int) -> pd.DataFrame:
    """Trials with nulls everywhere, and categories and sizes that training never saw."""
    frame, _ = trials(count, seed)
    rng = np.random.default_rng(seed)
    for name in frame.columns:
        frame.loc[rng.random(count) < 0.05, name] = None if frame[name].dtype == object else np.nan
    frame.loc[rng.random(count) < 0.05, "sector"] = "never seen"
    frame.loc[rng.random(count) < 0.01, "events_3d"] = 1e6
    return frame


@EVERY_KIND
def test_reasons_add_up_before_and_after_folding_on_ten_thousand_rows(kind: Kind) -> None:
    frame, scorer = _unseen(10_000, seed=5), fitted(kind)
    explained = scorer.explain(frame)
    assert explained.residue < TOLERANCE
    found = reasons(explained, frame, scorer.schema)
    shown = found[[f"reason_{place}_push" for place in range(1, 6)]].sum(axis=1)
    total = found["base_log_odds"] + shown + found["other_log_odds"]
    assert np.abs(total - logit.log_odds(scorer.probability(frame))).max() < 1e-6


def test_the_values_of_the_blend_are_the_blended_values_of_its_members() -> None:
    frame, scorer = _unseen(200, seed=6), fitted("temperature")
    x = scorer.schema.encode(frame)
    expected = sum(
        weight * scorer.schema.by_feature(member.contributions(x)[1])
        for weight, member in zip(scorer.weights, scorer.members, strict=True)
    )
    np.testing.assert_allclose(scorer.explain(frame).pushes, expected * scorer.calibrator.above, atol=1e-9)


def test_the_score_is_the_calibrated_blend_of_the_margins() -> None:
    frame, scorer = _unseen(200, seed=6), fitted()
    x = scorer.schema.encode(frame)
    blend = scorer.intercept + sum(w * m.margin(x) for w, m in zip(scorer.weights, scorer.members, strict=True))
    np.testing.assert_allclose(scorer.log_odds(frame), scorer.calibrator(blend), atol=1e-12)
    np.testing.assert_array_equal(scorer.probability(frame), logit.probability(scorer.log_odds(frame)))


def test_a_feature_that_no_member_uses_pushes_exactly_nothing() -> None:
    scorer = fitted()
    x = scorer.schema.encode(trials(1500, seed=1)[0])
    weekday = scorer.schema.names.index("started_weekday")
    x[:, scorer.schema.owner == weekday] = 3.0  # training saw one weekday only: nothing to learn from it
    labels = trials(1500, seed=1)[1]
    fits = (xgboost_member, lightgbm_member, network_member)
    members = (*(fit(x, labels) for fit in fits), LogisticMember.fit(x, labels, strength=1.0))
    blind = replace(scorer, members=members)
    assert (blind.explain(_unseen(500, seed=8)).pushes[:, weekday] == 0).all()


def test_identical_trials_have_identical_reasons_alone_or_among_others() -> None:
    frame, scorer = _unseen(300, seed=9), fitted()
    doubled = pd.concat([frame, frame.iloc[::-1]], ignore_index=True)
    explained = scorer.explain(doubled)
    np.testing.assert_array_equal(explained.pushes[:300], explained.pushes[:299:-1])
    for row in (0, 150, 299):
        alone = scorer.explain(frame.iloc[[row]])
        np.testing.assert_array_equal(alone.pushes[0], explained.pushes[row])
        np.testing.assert_array_equal(alone.log_odds[0], explained.log_odds[row])
        pd.testing.assert_frame_equal(
            reasons(alone, frame.iloc[[row]], scorer.schema), reasons(explained, doubled, scorer.schema).iloc[[row]]
        )


def test_the_order_of_columns_changes_nothing() -> None:
    frame, scorer = _unseen(200, seed=10), fitted()
    turned = frame[list(frame.columns[::-1])]
    np.testing.assert_array_equal(scorer.explain(turned).pushes, scorer.explain(frame).pushes)
    pd.testing.assert_frame_equal(
        reasons(scorer.explain(turned), turned, scorer.schema), reasons(scorer.explain(frame), frame, scorer.schema)
    )


def test_words_agree_with_signs_and_a_null_says_so() -> None:
    frame, scorer = _unseen(2000, seed=11), fitted()
    found = reasons(scorer.explain(frame), frame, scorer.schema)
    for place in range(1, 6):
        push, said = found[f"reason_{place}_push"], found[f"reason_{place}_words"]
        np.testing.assert_array_equal(said.str.endswith(": pushes up"), push > 0)
        np.testing.assert_array_equal(said.str.endswith(": pushes down"), push < 0)
        null = found[f"reason_{place}_value"].isna()
        assert null.any()
        np.testing.assert_array_equal(said.str.contains(" is unknown: "), null)


def test_a_margin_at_the_limit_still_adds_up() -> None:
    frame, scorer = _unseen(200, seed=12), replace(fitted("platt"), weights=(40.0, 0.0, 40.0, 40.0))
    explained = scorer.explain(frame)
    assert np.abs(explained.log_odds).max() == logit.LIMIT
    assert explained.residue < TOLERANCE
    np.testing.assert_allclose(logit.log_odds(scorer.probability(frame)), explained.log_odds, atol=1e-7)


class Rounded(LogisticMember):
    """A regression whose pushes are as rough as those of 32-bit trees, or rougher."""

    places: ClassVar[int] = 6

    def contributions(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        base, pushes = super().contributions(x)
        return base, pushes.round(self.places)

    def margin(self, x: np.ndarray) -> np.ndarray:
        base, pushes = super().contributions(x)
        return np.asarray(base + pushes.sum(axis=1))


def _steep(slope: float) -> tuple[pd.DataFrame, Scorer]:
    """Rows, and a scorer whose calibration is that steep about its base and reaches both limits there."""
    usual, (frame, labels) = fitted(), trials(1500, seed=1)
    member = Rounded.fit(usual.schema.encode(frame), labels, strength=1.0)
    at = (member.intercept - 18 / slope, member.intercept + 18 / slope)
    steep = Calibrator("centred isotonic", at, (-18.0, 18.0), 1.0, 1.0)
    return _unseen(2_000, seed=12), Scorer(usual.schema, (member,), (1.0,), 0.0, steep)


def test_where_calibration_is_steep_rounding_does_not_grow_into_what_speaks_against_the_reasons() -> None:
    frame, scorer = _steep(200.0)
    (member,), x = scorer.members, scorer.schema.encode(frame)
    base, pushes = member.contributions(x)
    stretch = scorer.calibrator.stretch(member.margin(x), base)[:, None]
    plain, grown = scorer.schema.by_feature(pushes) * stretch, scorer.explain(frame)
    missed = np.abs(grown.log_odds - grown.base_log_odds - plain.sum(axis=1))
    assert (missed >= TOLERANCE).sum() > 20
    assert grown.residue < TOLERANCE
    calm = missed < 0.98 * TOLERANCE
    np.testing.assert_array_equal(grown.pushes[calm], plain[calm])
    assert (np.abs(grown.pushes - plain).sum(axis=1) <= missed + 1e-9).all()


def test_what_is_more_than_rounding_is_refused_however_steep_calibration_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rounded, "places", 4)
    frame, scorer = _steep(200.0)
    with pytest.raises(ReasonsError, match="base and pushes miss the log-odds of the score by"):
        scorer.explain(frame)


def test_the_scorer_ranks_and_is_calibrated_on_trials_it_never_saw() -> None:
    frame, labels = trials(4000, seed=13)
    p = fitted().probability(frame)
    assert metrics.auc(p, labels) > 0.7
    assert metrics.ece(p, labels) < 0.05


def test_a_member_without_weight_is_never_asked() -> None:
    frame, scorer = _unseen(50, seed=14), fitted()
    alone = replace(scorer, weights=(1.0, 0.0, 0.0, 0.0))
    np.testing.assert_array_equal(
        alone.margin(scorer.schema.encode(frame)),
        scorer.intercept + scorer.members[0].margin(scorer.schema.encode(frame)),
    )


def test_no_trials_have_no_scores_and_no_reasons() -> None:
    frame, scorer = trials(3, seed=1)[0].iloc[:0], fitted()
    assert scorer.probability(frame).shape == (0,)
    assert reasons(scorer.explain(frame), frame, scorer.schema).empty


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1.0, 1.0), "4 members, 2 weights"),
        ((1.0, -0.1, 0.0, 0.0), "a weight is negative"),
        ((1.0, np.inf, 0.0, 0.0), "not finite"),
    ],
)
def test_parts_that_do_not_fit_are_refused(weights: tuple[float, ...], message: str) -> None:
    with pytest.raises(ScorerError, match=message):
        replace(fitted(), weights=weights)


def test_two_members_of_one_kind_are_refused() -> None:
    scorer = fitted()
    with pytest.raises(ScorerError, match="two members of one kind"):
        Scorer(scorer.schema, scorer.members[:1] * 2, (1.0, 1.0), 0.0, scorer.calibrator)

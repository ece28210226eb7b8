from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.contracts.features.catalogue import feature
from churn_pipeline.core import log_odds as logit
from churn_pipeline.core.reasons import reasons
from churn_pipeline.core.rules import RULES, RulesError, RulesScorer

VALUES = st.one_of(st.none(), st.floats(-50, 1000))


@given(st.dictionaries(st.sampled_from([rule.feature for rule in RULES]), VALUES), st.floats(0.01, 0.99))
def test_rules_add_up_exactly_whatever_features_there_are(row: dict[str, float | None], base_rate: float) -> None:
    frame = pd.DataFrame({name: [value, None] for name, value in row.items()}, index=[0, 1], dtype=float)
    scorer = RulesScorer(base_rate)
    explained = scorer.explain(frame)
    assert explained.residue < 1e-12
    assert set(explained.names) == set(row)
    np.testing.assert_allclose(logit.log_odds(scorer.probability(frame)), explained.log_odds, atol=1e-9)
    found = reasons(explained, frame, scorer.schema)
    shown = found[[f"reason_{place}_push" for place in range(1, 6)]].sum(axis=1)
    np.testing.assert_allclose(found["base_log_odds"] + shown + found["other_log_odds"], explained.log_odds, atol=1e-12)


def test_an_unknown_value_pushes_nothing() -> None:
    frame = pd.DataFrame({rule.feature: [np.nan] for rule in RULES})
    assert RulesScorer(0.2).probability(frame) == pytest.approx([0.2])


def test_a_busy_team_scores_above_a_trial_that_fell_asleep() -> None:
    frame = pd.DataFrame(
        {
            "active_share": [0.8, 0.1],
            "hours_since_last_event": [3.0, 200.0],
            "users_total": [6.0, 1.0],
            "features_used": [9.0, 1.0],
            "trial_day": [7.0, 7.0],
        }
    )
    busy, asleep = RulesScorer(0.3).probability(frame)
    assert busy > 0.7
    assert asleep < 0.1


def test_no_rule_moves_the_odds_by_more_than_the_docstring_says_and_every_one_has_words() -> None:
    for rule in RULES:
        starts, pushes = zip(*rule.steps, strict=True)
        assert list(starts) == sorted(set(starts))
        assert max(map(abs, pushes)) <= np.log(2.5)
        assert "{value" in feature(rule.feature).says


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_base_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(RulesError, match="more than 0 and less than 1"):
        RulesScorer(rate)


def test_a_rule_is_silent_on_a_feature_that_the_business_does_not_know() -> None:
    frame = pd.DataFrame({"features_used": [0.0], "users_total": [5.0]})
    scorer = RulesScorer(0.3, frozenset({"features_used"}))
    assert scorer.explain(frame).names == ("users_total",)
    assert "features_used" not in scorer.schema.names

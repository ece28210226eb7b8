from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.orchestration.triggers import Asked, Signs, ask_retrain

NOW = datetime(2024, 5, 10, 8, tzinfo=UTC)
WELL = Signs(
    as_of=datetime(2024, 5, 10, tzinfo=UTC),
    champion="3",
    degraded=False,
    performance="held: AUC 0.741 (0.702..0.780)",
    drift_share=0.1,
)
DEGRADED = replace(WELL, degraded=True, performance="degraded: AUC 0.560 (0.520..0.600)")
DRIFTED = replace(WELL, drift_share=0.3)


def asked(signs: Signs | None, last_retrain: datetime | None = None) -> Asked:
    return ask_retrain(signs, now=NOW, last_retrain=last_retrain, cooldown_days=7, drift_share=0.3)


def test_a_champion_that_holds_is_left_alone() -> None:
    assert not asked(WELL)
    assert str(asked(WELL)) == (
        "no retrain: as of 2024-05-10 model 3 holds (held: AUC 0.741 (0.702..0.780)) "
        "and 10% of its features drifted (bound 30%)"
    )


def test_degraded_performance_asks_for_a_retrain() -> None:
    decision = asked(DEGRADED)
    assert decision
    assert decision.key == "retrain-3-2024-05-10"
    assert str(decision) == "retrain: as of 2024-05-10, model 3: degraded: AUC 0.560 (0.520..0.600)"


def test_drift_at_its_bound_asks_for_a_retrain() -> None:
    assert asked(DRIFTED)
    assert "30% of the features drifted (bound 30%)" in asked(DRIFTED).because


def test_both_reasons_are_named() -> None:
    because = asked(replace(DEGRADED, drift_share=0.5)).because
    assert "degraded" in because
    assert "50% of the features drifted" in because


def test_a_champion_in_whose_place_another_scores_asks_for_a_retrain_and_rests_like_the_others() -> None:
    unable = replace(WELL, unable="model 3 could not score: no column luck")
    assert str(asked(unable)) == (
        "retrain: as of 2024-05-10, model 3: another scored in its place (model 3 could not score: no column luck)"
    )
    assert not asked(unable, NOW - timedelta(days=1))


def test_before_anything_was_monitored_nothing_is_asked() -> None:
    assert str(asked(None)) == "no retrain: nothing has been monitored yet"


def test_the_cool_down_ends_to_the_instant() -> None:
    assert not asked(DEGRADED, NOW - timedelta(days=7) + timedelta(seconds=1))
    assert asked(DEGRADED, NOW - timedelta(days=7))
    assert "none is asked for again before 2024-05-16 08:00" in asked(DEGRADED, NOW - timedelta(days=1)).because


@given(st.booleans(), st.floats(0, 1), st.integers(0, 20), st.integers(0, 10))
def test_the_same_signs_give_the_same_key_and_rest_days_never_ask(
    degraded: bool, share: float, ago: int, cooldown: int
) -> None:
    signs = replace(WELL, degraded=degraded, drift_share=share)
    last = NOW - timedelta(days=ago)
    decision = ask_retrain(signs, now=NOW, last_retrain=last, cooldown_days=cooldown, drift_share=0.3)
    again = ask_retrain(signs, now=NOW + timedelta(hours=1), last_retrain=last, cooldown_days=cooldown, drift_share=0.3)
    assert bool(decision) == ((degraded or share >= 0.3) and ago >= cooldown)
    if decision:
        assert again.key == decision.key

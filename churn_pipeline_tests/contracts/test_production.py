from __future__ import annotations

from typing import get_args

from churn_pipeline.capabilities.rollout.judge import Decision
from churn_pipeline.contracts.production import ARM, MODEL_PROMOTIONS, ROLLOUT_SCORES, ROLLOUT_VERDICTS
from churn_pipeline.contracts.spec import OneOf
from churn_pipeline.core.ledger import By, Role


def words(type_: object) -> set[str]:
    assert isinstance(type_, OneOf)
    return set(type_.words)


def test_the_ledger_may_hold_what_the_code_writes_and_nothing_else() -> None:
    assert words(MODEL_PROMOTIONS.column("role").type) == set(get_args(Role))
    assert words(MODEL_PROMOTIONS.column("by").type) == set(get_args(By))
    assert words(ROLLOUT_VERDICTS.column("decision").type) == set(get_args(Decision))


def test_of_each_arm_there_is_what_its_model_said() -> None:
    assert {f"{arm}_probability" for arm in ARM.words} < set(ROLLOUT_SCORES.names)
    assert {f"{arm}_version" for arm in ARM.words} < set(ROLLOUT_SCORES.names)

from __future__ import annotations

from churn_pipeline.capabilities.scoring.plan import FOR_BUCKET, plan_actions
from churn_pipeline.contracts.analytics import ACTIONS, SCORES
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline_tests.rows import rows


def test_each_bucket_gets_its_action_with_the_first_reason() -> None:
    scores = rows(
        SCORES,
        {"trial_id": "a", "score_bucket": "at_risk", "reason_1_words": "last seen 90 hours ago: pushes down"},
        {"trial_id": "b", "score_bucket": "middle", "conversion_probability": 0.5},
        {"trial_id": "c", "score_bucket": "hot", "reason_1_words": "5 people use it: pushes up"},
        run_id="r",
    )
    plan = plan_actions(scores)
    assert plan.schema.equals(arrow_schema(ACTIONS))
    assert [(row["trial_id"], row["action"], row["because"]) for row in plan.to_pylist()] == [
        ("a", "cs_outreach", "at risk: last seen 90 hours ago: pushes down"),
        ("b", "email_and_prompts", "undecided: no reason known"),
        ("c", "sales_call", "hot: 5 people use it: pushes up"),
    ]
    assert plan["conversion_probability"].to_pylist() == [0, 0.5, 0]


def test_there_is_an_action_for_every_bucket_and_a_bucket_for_every_action() -> None:
    assert set(FOR_BUCKET) == set(SCORES.column("score_bucket").type.words)  # type: ignore[union-attr] # it is OneOf
    assert set(FOR_BUCKET.values()) == set(ACTIONS.column("action").type.words)  # type: ignore[union-attr] # it is OneOf


def test_without_scores_nobody_gets_anything() -> None:
    assert plan_actions(rows(SCORES).slice(0, 0)).num_rows == 0

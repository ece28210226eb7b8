from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from churn_pipeline.capabilities.scoring.day import Day
from churn_pipeline.capabilities.scoring.plan import plan_actions
from churn_pipeline.capabilities.scoring.production import Lineup
from churn_pipeline.capabilities.scoring.report import (
    by_the_champion,
    describe_actions,
    describe_both,
    describe_day,
    who_scored,
)
from churn_pipeline.capabilities.scoring.score import InProduction
from churn_pipeline.contracts.analytics import PREDICTION_ERRORS, SCORES
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline.core.rules import RulesScorer
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import rows

# draws pictures
pytestmark = pytest.mark.flow


def day(*probabilities: float, **by: Any) -> Day:
    def bucket(p: float) -> str:
        return "at_risk" if p < 0.3 else "hot" if p > 0.7 else "middle"

    scores = rows(
        SCORES,
        *(
            {"trial_id": f"t{n}", "conversion_probability": p, "score_bucket": bucket(p)}
            for n, p in enumerate(probabilities)
        ),
    )
    told = {"scored_by": "champion", "model_version": "3"} | by
    return Day(
        scores if probabilities else scores.slice(0, 0),
        rows(PREDICTION_ERRORS).slice(0, 0),
        Lineup(InProduction(RulesScorer(0.3), **told)),
    )


def test_a_day_tells_how_many_trials_are_in_each_bucket_and_shows_both_ends() -> None:
    shown = describe_day(day(0.1, 0.2, 0.9), Settings())
    assert shown["dagster/partition_row_count"] == 3
    assert shown["scored by"] == "model 3, the champion"
    assert [shown[f"trials {words}"] for words in ("at risk", "in the middle", "hot")] == [2, 0, 1]
    assert shown["mean probability"] == 0.4
    highest, lowest = shown["highest scores"].value, shown["lowest scores"].value
    assert highest.index("| t2 |") < highest.index("| t1 |") < highest.index("| t0 |")
    assert lowest.index("| t0 |") < lowest.index("| t1 |") < lowest.index("| t2 |")
    assert "data:image/png" in shown["score distribution"].value


def test_a_rollout_says_who_scores_beside_the_champion_or_that_it_could_not() -> None:
    canary = InProduction(RulesScorer(0.3), "canary", "5")
    beside = replace(day(0.5), who=Lineup(day(0.5).by, canary, 0.1))
    assert (
        describe_day(beside, Settings())["scored by"]
        == "model 3, the champion; 10% of the trials by model 5, the canary"
    )
    failed = replace(beside, who=Lineup(beside.by, share=0.1, failed="model 5 could not be loaded"))
    assert describe_day(failed, Settings())["scored by"] == "model 3, the champion; the canary could not"
    assert who_scored(failed) == "model 5 could not be loaded"


def test_both_say_tells_the_arms_and_the_means() -> None:
    said = rows(
        ROLLOUT_SCORES,
        {"trial_id": "a", "arm": "champion", "champion_probability": 0.2, "canary_probability": 0.4},
        {"trial_id": "b", "arm": "canary", "champion_probability": 0.4, "canary_probability": 0.8},
    )
    shown = describe_both(said)
    assert shown == {
        "dagster/partition_row_count": 2, "champion": 1, "canary": 1, "mean probability by the champion": 0.3,
        "mean probability by the canary": 0.6,
    }  # fmt: skip
    assert describe_both(said.slice(0, 0)) == {"dagster/partition_row_count": 0}


def test_a_day_on_which_nobody_runs_draws_nothing() -> None:
    shown = describe_day(day(), Settings())
    assert shown["dagster/partition_row_count"] == 0
    assert "score distribution" not in shown


def test_a_day_of_the_rules_says_so_and_why() -> None:
    shown = describe_day(day(0.5, scored_by="rules", model_version="rules", note="rules: no model"), Settings())
    assert (shown["scored by"], shown["note"]) == ("the rules", "rules: no model")


def test_who_scored_is_the_error_if_there_is_one_else_the_note_else_the_model() -> None:
    assert who_scored(day(0.5)) == "scored by model 3"
    assert who_scored(day(0.5, note="few conversions yet")) == "few conversions yet"
    assert who_scored(day(0.5, note="n", error="bundle broken")) == "bundle broken"


def test_the_champion_scored_where_neither_the_rules_nor_another_model_did() -> None:
    assert by_the_champion(day(0.5))
    assert not by_the_champion(day(0.5, error="model 4 could not be loaded"))
    assert not by_the_champion(day(0.5, scored_by="rules", model_version="rules"))


def test_actions_are_counted() -> None:
    shown = describe_actions(plan_actions(day(0.1, 0.2, 0.9).scores))
    assert shown == {"dagster/partition_row_count": 3, "cs_outreach": 2, "sales_call": 1}

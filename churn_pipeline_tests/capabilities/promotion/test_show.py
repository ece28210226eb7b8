from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from churn_pipeline.adapters.ledger import Receipt
from churn_pipeline.capabilities.promotion.decide import Plan
from churn_pipeline.capabilities.promotion.gate import Judged
from churn_pipeline.capabilities.promotion.show import describe_champion, describe_thresholds
from churn_pipeline.core.ledger import Promotion
from churn_pipeline.settings import Settings

DAY = datetime(2024, 5, 1, tzinfo=UTC)
PROMOTION = Promotion("champion-1", "champion", "3", DAY, None, None, "gate", "better", DAY, "r")


def test_the_champion_shows_since_when_it_holds_what_changed_and_its_page() -> None:
    shown = describe_champion(
        [PROMOTION],
        DAY,
        Plan("3", None, "better"),
        Receipt("3", None, DAY, changed=True),
        model="churn_demo",
        settings=Settings(),
    )
    assert shown["champion"] == "model 3 since 2024-05-01"
    assert shown["change"] == "model 3 is champion from 2024-05-01 on, in place of the rules"
    assert shown["verdict"] == "better"
    assert "churn_demo" in shown["model in MLflow"].url


def test_without_a_champion_the_rules_score_and_there_is_no_page() -> None:
    shown = describe_champion([], DAY, Plan(None, None, "not better"), None, model="churn_demo", settings=Settings())
    assert shown == {"champion": "nobody yet: the rules score", "change": "none", "verdict": "not better"}


def test_the_thresholds_of_the_settings_and_others_are_shown_of_what_was_judged() -> None:
    score = np.linspace(0, 1, 200)
    trials = np.array([f"t{n}" for n in range(200)], dtype=object)
    judged = Judged(trials, score > 0.5, score, score, score, score)
    shown = describe_thresholds(judged, Settings(at_risk_below=0.2, hot_above=0.9))
    assert "| at_risk | 20% of the looks (40 trials), 0% convert (0% to 9%) |" in shown["buckets"].md_str
    assert "| hot | 10% of the looks (20 trials), 100% convert" in shown["buckets"].md_str
    assert "| 0.5 | 50% of the looks (100 trials), 0% convert" in shown["other thresholds"].md_str
    assert describe_thresholds(None, Settings()) == {}

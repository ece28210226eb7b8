from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from churn_pipeline.adapters.ledger import Receipt
from churn_pipeline.capabilities.promotion.decide import Evaluation, Plan
from churn_pipeline.capabilities.promotion.gate import Judged, Rule, judge
from churn_pipeline.capabilities.promotion.guards import Reasons, Rivals, Seen, SegmentGain
from churn_pipeline.capabilities.promotion.show import describe_champion, describe_guards, describe_thresholds
from churn_pipeline.core.ledger import Promotion
from churn_pipeline.core.metrics import Interval
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


def evaluated(seen: Seen, *broken: str) -> Evaluation:
    score = np.linspace(0.1, 0.9, 200)
    trials = np.array([f"t{n}" for n in range(200)], dtype=object)
    judged = Judged(trials, score > 0.5, score, score, score, score)
    rule = Rule(confidence=0.95, min_gain=0.001, min_conversions=20, resamples=100)
    rng = np.random.default_rng(1)
    verdict = judge(judged, challenger="4", champion="3", rule=rule, rng=rng, guards_broken=broken)
    return Evaluation(verdict, str(verdict), judged, seen)


def test_the_guard_rails_show_every_segment_and_both_models_side_by_side() -> None:
    worse, better = Interval(-0.03, -0.05, -0.01), Interval(0.02, -0.01, 0.05)
    segments = (SegmentGain("plan", "team", 1_200, 310, worse), SegmentGain("plan", "free", 90, 21, better))
    off, steady = Interval(0.01, -0.01, 0.03), Reasons(0.8, 0.9, Interval(0.1, 0.05, 0.15))
    shown = describe_guards(evaluated(Seen(12.34, Rivals("3", off, off, segments, steady)), "worse where plan is team"))
    assert shown["guard rails"] == "worse where plan is team"
    assert shown["milliseconds of a processor to score and explain one trial"] == 12.3
    assert "| plan | team | 1,200 | 310 | -0.0300 (-0.0500..-0.0100) | worse |" in shown["gain by segment"].md_str
    assert "| plan | free | 90 | 21 | 0.0200 (-0.0100..0.0500) |  |" in shown["gain by segment"].md_str
    assert "| reasons alike from look to look (mean cosine) | 0.800 | 0.900 |" in shown["beside the champion"].md_str


def test_of_a_first_model_the_guard_rails_show_its_time_and_of_no_verdict_nothing() -> None:
    shown = describe_guards(evaluated(Seen(12.34)))
    assert list(shown) == ["guard rails", "milliseconds of a processor to score and explain one trial"]
    assert shown["guard rails"] == "nothing speaks against the challenger"
    assert describe_guards(Evaluation(None, "no challenger")) == {}

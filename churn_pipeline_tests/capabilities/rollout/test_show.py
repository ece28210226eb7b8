from __future__ import annotations

from churn_pipeline.capabilities.rollout.arms import Arm
from churn_pipeline.capabilities.rollout.show import NONE, describe_arms, describe_verdict
from churn_pipeline.core.metrics import Interval
from churn_pipeline_tests.capabilities.rollout.test_judge import looked, matured

ARM = Arm("champion", "4", 900, 30, 200, 50, Interval(0.25, 0.195, 0.314), 0.26, 0.5, 0.78)
YOUNG = Arm("canary", "5", 100, 0, 0, 0, None, None, None, None)


def test_a_verdict_shows_its_sentence_and_its_figures() -> None:
    verdict = looked(matured(400, better=0.3), days=7)
    shown = describe_verdict(verdict)
    assert shown["verdict"] == str(verdict)
    assert shown["gain, low end"] < shown["gain in log loss"] < shown["gain, high end"]
    assert shown["share of the trials"] == 0.1
    assert "gain in log loss" not in describe_verdict(looked(days=1))
    assert describe_verdict(None) == {"verdict": NONE}


def test_the_arms_stand_side_by_side_and_what_is_not_known_stays_empty() -> None:
    shown = describe_arms((ARM, YOUNG))
    lines = shown["arms"].value.splitlines()
    assert (
        lines[2]
        == "| champion | 4 | 900 (30 moved on to the canary) | 200 | 25.0% (19.5% to 31.4%) | 0.260 | 0.500 | 0.780 |"
    )
    assert lines[3] == "| canary | 5 | 100 | 0 |  |  |  |  |"
    assert shown["difference in conversion"] == "no trial of one arm has matured yet"
    both = describe_arms((ARM, Arm("canary", "5", 100, 0, 100, 30, Interval(0.3, 0.219, 0.396), 0.26, 0.5, 0.78)))
    assert both["difference in conversion"].startswith("5.0% (-")
    assert describe_arms(None) == {"arms": NONE}

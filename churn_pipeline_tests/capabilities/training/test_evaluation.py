from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.training.evaluation import Measured, evaluate
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.log_odds import probability
from churn_pipeline.core.metrics import offset
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline_tests.past import past


@dataclass
class Says:
    """A scorer that reads its probabilities from a column."""

    column: str

    def probability(self, frame: pd.DataFrame) -> np.ndarray:
        return frame[self.column].to_numpy(dtype=np.float64)


def measured(frame: pd.DataFrame) -> Measured:
    base = BaseRate.learn(frame["trial_day"], frame["converted"])
    said = frame.assign(good=np.where(frame["converted"], 0.8, 0.2), even=0.5)
    return evaluate(said, scorer=Says("good"), floor=Says("even"), base=base)


def test_figures_are_over_all_rows_and_by_landmark() -> None:
    found = measured(past(200))
    assert found.overall.rows == sum(figures.rows for figures in found.by_day.values())
    assert found.overall.trials == 200
    assert found.overall.log_loss == pytest.approx(-np.log(0.8))
    assert found.overall.floor_log_loss == pytest.approx(np.log(2))
    assert found.overall.base_log_loss < np.log(2)
    assert found.overall.auc is not None
    assert found.overall.auc.mid == 1.0
    assert found.metrics()["day_07/rows"] == found.by_day[7].rows


PLAN = ModelFeature("plan", "category", levels=("free", "team", "rare"))


def segments(rng: np.random.Generator, *, wrong: float) -> Measured:
    """Trials of two plans, looked at twice; of plan `team` as many more convert as `wrong` says (log-odds)."""
    trials, looks = 2_000, 2
    plan = np.repeat(rng.choice(["free", "team"], trials), looks).astype(object)
    plan[:4] = "rare"
    truth = np.repeat(rng.normal(-0.5, 1, trials), looks)
    converted = np.repeat(rng.random(trials), looks) < probability(truth + np.where(plan == "team", wrong, 0.0))
    frame = pd.DataFrame(
        {
            "trial_id": np.repeat([f"t{n}" for n in range(trials)], looks),
            "trial_day": np.tile([1, 7], trials),
            "converted": converted,
            "plan": plan,
            "good": probability(truth),
            "even": 0.5,
        }
    )
    base = BaseRate.learn(frame["trial_day"], frame["converted"])
    return evaluate(frame, scorer=Says("good"), floor=Says("even"), base=base, attributes=[PLAN])


def test_a_segment_whose_scores_are_too_low_is_named_and_no_other() -> None:
    found = segments(np.random.default_rng(1), wrong=0.8).by_segment["plan"]
    assert {value: part.off for value, part in found.items()} == {"free": False, "team": True}
    assert found["team"].offset.low > 0
    assert found["team"].trials + found["free"].trials == 1_998
    assert found["team"].observed - found["team"].predicted == pytest.approx(found["team"].offset.mid)


@pytest.mark.slow
def test_where_scores_are_right_a_segment_is_called_off_one_time_in_twenty() -> None:
    rng = np.random.default_rng(2)
    alarms = [any(part.off for part in segments(rng, wrong=0.0).by_segment["plan"].values()) for _ in range(100)]
    assert np.mean(alarms) <= 0.11


def test_a_segment_that_hardly_converts_is_not_called_off_for_having_none() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        p = np.clip(rng.normal(0.08, 0.02, 150), 0.01, 0.2)
        found = offset(p, rng.random(150) < p, groups=np.arange(150), confidence=0.95)
        alarms += not found.low <= 0 <= found.high
    assert alarms / 200 <= 0.08
    none = offset(np.full(40, 0.04), np.zeros(40), groups=np.arange(40), confidence=0.95)
    assert none.low < 0 < none.high


def test_where_only_one_outcome_occurs_there_is_no_auc_and_the_facts_stay_json() -> None:
    found = measured(past(200).assign(converted=False))
    assert found.overall.auc is None
    assert "auc" not in found.metrics()
    assert json.loads(json.dumps(found.facts(), allow_nan=False))["overall"]["auc"] is None

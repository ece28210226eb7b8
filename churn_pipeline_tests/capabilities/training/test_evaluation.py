from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.training.evaluation import Measured, evaluate
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline_tests.past import past


@dataclass
class Says:
    """A scorer that reads its probabilities from a column."""

    column: str

    def probability(self, frame: pd.DataFrame) -> np.ndarray:
        return frame[self.column].to_numpy()


def measured(frame: pd.DataFrame) -> Measured:
    base = BaseRate.learn(frame["trial_day"], frame["converted"])
    said = frame.assign(good=np.where(frame["converted"], 0.8, 0.2), even=0.5)
    return evaluate(said, scorer=Says("good"), floor=Says("even"), base=base)  # type: ignore[arg-type] # a fake scorer


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


def test_where_only_one_outcome_occurs_there_is_no_auc_and_the_facts_stay_json() -> None:
    found = measured(past(200).assign(converted=False))
    assert found.overall.auc is None
    assert "auc" not in found.metrics()
    assert json.loads(json.dumps(found.facts(), allow_nan=False))["overall"]["auc"] is None

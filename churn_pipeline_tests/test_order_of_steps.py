"""A business in which nothing but the order of two steps decides: the whole chain finds it, and no other family does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ablation import Ablation
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.contracts.features.journey import TRANSITION_COUNTS
from churn_pipeline.core.metrics import auc
from churn_pipeline_tests.chains import UNTIL, as_of, run, small

pytestmark = [pytest.mark.flow, pytest.mark.slow]


def test_sequences_find_the_order_that_decides_and_nothing_else_does(tmp_path: Path, database: str) -> None:
    settings = small(tmp_path, database, demo_outcome="order_of_steps", demo_trials=3_000, suite_sample_rows=0)
    assert run(settings).success
    by_day = ModelStore.of(settings).load("1").facts["test"]["by_day"]
    last = max(by_day, key=int)
    assert by_day[last]["auc"]["mid"] > 0.75
    ablation = Ablation(Lake.of(settings), as_of(UNTIL), settings)
    late = np.asarray(ablation.frame["trial_day"][ablation.judged] == int(last))
    others = [family for family in ablation.families if family != TRANSITION_COUNTS.family]
    assert len(others) > 8
    assert auc(ablation.margin(others)[late], ablation.converted[late]) < 0.6

from __future__ import annotations

import optuna
import pytest

from churn_pipeline.capabilities.training.learners import Learner, objective
from churn_pipeline_tests.capabilities.training.test_boosters import LEARNERS, material


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_a_tuning_trial_tells_its_rounds_and_a_hopeless_one_is_pruned(learner: Learner) -> None:
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.1, n_warmup_steps=20))
    trial = study.ask()
    with pytest.raises(optuna.TrialPruned):
        objective(learner, material())(trial)
    unhurried = optuna.create_study(pruner=optuna.pruners.NopPruner()).ask()
    assert objective(learner, material())(unhurried) < 0.7
    assert unhurried.user_attrs["rounds"] >= 1
    assert set(unhurried.params) == set(learner.space.first)
    assert 0 < learner.searched <= 1

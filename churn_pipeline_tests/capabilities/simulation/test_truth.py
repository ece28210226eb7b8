from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.touches import KINDS
from churn_pipeline_tests.businesses import auc, world

NAMES = [kind.name for kind in KINDS]


def test_the_truth_holds_every_arm_of_every_trial() -> None:
    truth = world().truth.to_pandas()
    for name in ("none", *NAMES):
        assert truth[f"p_{name}"].between(0, 1).all()
        assert truth[f"converts_{name}"].mean() == pytest.approx(truth[f"p_{name}"].mean(), abs=0.016)
    assert [truth[f"cost_{kind.name}"].iloc[0] for kind in KINDS] == [kind.cost for kind in KINDS]
    assert (truth["lifetime_value"] > 0).all()


def test_the_persuadable_are_those_whom_the_best_touch_helps() -> None:
    truth = world().truth.to_pandas()
    best = truth[[f"p_{name}" for name in NAMES]].max(axis=1) - truth["p_none"]
    assert np.allclose(truth["persuadability"], best.clip(lower=0))
    assert ((truth["best_touch"] == "none") == (best <= 0)).all()
    assert set(truth["best_touch"]) == {*NAMES, "none"}


def test_touches_are_wasted_on_the_sure_and_harm_some() -> None:
    truth = world().truth.to_pandas()
    sure = truth["p_none"] > 0.9
    middle = truth["p_none"].between(0.3, 0.7)
    assert truth.loc[sure, "persuadability"].mean() < 0.4 * truth.loc[middle, "persuadability"].mean()
    for name in NAMES:
        assert 0.1 < (truth[f"p_{name}"] < truth["p_none"]).mean() < 0.6


def test_business_as_usual_ranks_as_well_as_the_truth_can() -> None:
    some = world()
    truth = some.truth.to_pandas()
    converted = truth["trial_id"].isin(set(some.subscriptions["trial_id"].to_pylist())).to_numpy()
    assert 0.80 < auc(converted, truth["probability"].to_numpy()) < 0.86
    assert truth["p_none"].mean() == pytest.approx(0.35, abs=1e-9)
    assert 0.35 < truth["probability"].mean() < 0.39

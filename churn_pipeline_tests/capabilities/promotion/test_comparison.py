from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.adapters.bundle import Bundle
from churn_pipeline.capabilities.promotion.comparison import compare, unseen
from churn_pipeline.capabilities.promotion.gate import GateError
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.splits import Bound
from churn_pipeline_tests.scorers import fitted, trials

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)


def frame() -> pd.DataFrame:
    features, labels = trials(40, seed=3)
    return features.assign(
        trial_id=[f"t{n:02d}" for n in range(40)],
        started_at=[BEGIN + timedelta(days=n // 4) for n in range(40)],
        trial_day=7,
        converted=labels > 0,
    )


def facts(calibrated: int) -> dict[str, Any]:
    """Facts of a model whose newest calibration trial is the one of that number."""
    bound = Bound(BEGIN + timedelta(days=calibrated // 4), f"t{calibrated:02d}")
    return {"calibrated_until": bound.to_json(), "base_rate": BaseRate(0.3, {7: 0.25}).to_json()}


def bundle(calibrated: int, kind: Any = "platt") -> Bundle:
    return Bundle(fitted(kind), {"facts": facts(calibrated)}, "f", ())


def test_only_trials_that_no_model_has_seen_are_judged() -> None:
    assert list(unseen(frame(), facts(37))["trial_id"]) == ["t38", "t39"]
    assert list(unseen(frame(), facts(10), facts(36))["trial_id"]) == ["t37", "t38", "t39"]


def test_each_model_says_its_own_and_the_base_rate_is_the_challengers() -> None:
    judged = compare(
        frame(), challenger=bundle(20), floor=bundle(20, "temperature"), champion=bundle(29, "centred isotonic")
    )
    rows = frame().iloc[30:]
    assert list(judged.trial_id) == list(rows["trial_id"])
    assert (judged.challenger == fitted("platt").probability(rows)).all()
    assert (judged.compared == fitted("centred isotonic").probability(rows)).all()
    assert (judged.floor == fitted("temperature").probability(rows)).all()
    assert (judged.base == 0.25).all()
    assert judged.segments.keys() == {"sector", "plan"}
    assert list(judged.segments["plan"]) == list(rows["plan"])


def test_without_a_champion_it_is_compared_with_the_base_rate() -> None:
    judged = compare(frame(), challenger=bundle(20), floor=bundle(20), champion=None)
    assert np.array_equal(judged.compared, judged.base)


def test_where_everything_was_seen_there_is_nothing_to_judge() -> None:
    with pytest.raises(GateError, match="no matured trial is newer"):
        compare(frame(), challenger=bundle(39), floor=bundle(39), champion=None)

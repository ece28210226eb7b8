from __future__ import annotations

from dataclasses import asdict
from typing import Any

from churn_pipeline.capabilities.training.description import description
from churn_pipeline.core.metrics import Interval

AUC = asdict(Interval(0.75, 0.7, 0.8))


def facts(**overall: Any) -> dict[str, Any]:
    figures = {"log_loss": 0.5, "auc": AUC, "ece": 0.0123, "base_log_loss": 0.6, "base_auc": AUC, "base_ece": 0.02}
    figures |= {"floor_log_loss": 0.55, "floor_auc": AUC, "floor_ece": 0.03}
    counted = {"fit": (700, 200), "validation": (100, 30), "calibration": (100, 20), "test": (300, 90)}
    return {
        "trained_as_of": "2024-05-01T00:00:00+00:00",
        "chosen": "blend",
        "note": "",
        "calibration": {"kind": "platt"},
        "cohorts": {name: {"trials": n, "conversions": k} for name, (n, k) in counted.items()},
        "test": {"overall": {**figures, **overall}},
    }


def test_it_says_what_the_model_is_and_its_figures_beside_those_of_what_it_had_to_beat() -> None:
    assert description(facts(), noun="trials").splitlines() == [
        "Trained as of 2024-05-01 on 900 trials (250 converted), tested on 300 others (90 converted). Chosen: blend, calibrated by platt.",
        "",
        "| on the test cohort | log loss | AUC (95 %) | calibration error |",
        "| --- | --- | --- | --- |",
        "| this model | 0.5000 | 0.750 (0.700..0.800) | 0.0123 |",
        "| the base rate | 0.6000 | 0.750 (0.700..0.800) | 0.0200 |",
        "| the logistic regression | 0.5500 | 0.750 (0.700..0.800) | 0.0300 |",
    ]


def test_it_has_the_note_of_the_model_and_no_ranking_where_there_is_one_outcome() -> None:
    words = description({**facts(auc=None), "note": "few conversions"}, noun="entities")
    assert "on 900 entities (250 converted)" in words
    assert "calibrated by platt. few conversions." in words
    assert "| this model | 0.5000 | one outcome only | 0.0123 |" in words
    assert "Chosen: blend, in no need of calibration." in description(
        {**facts(), "calibration": {"kind": "none"}}, noun="trials"
    )

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.monitoring.comparison import Comparison
from churn_pipeline.capabilities.monitoring.drift import Drift, measure
from churn_pipeline.capabilities.monitoring.performance import Performance
from churn_pipeline.capabilities.monitoring.show import describe_drift, describe_performance
from churn_pipeline.capabilities.monitoring.watch import Watched
from churn_pipeline.contracts.analytics import MODEL_PERFORMANCE
from churn_pipeline.core.metrics import Interval
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import DAY, rows

pytestmark = pytest.mark.flow

JUDGED = Performance("champion", "3", 28, 0.65, 100, 900, 30, Interval(0.74, 0.7, 0.78), 0.5, 0.6, 0.8, 0.02)


def past(warehouse: Warehouse, *areas: float) -> None:
    given = [
        {"as_of": DAY + timedelta(days=n), "auc": area, "auc_low": area - 0.05, "auc_high": area + 0.05}
        for n, area in enumerate(areas)
    ]
    same = {"scored_by": "champion", "model_version": "3", "window_days": 28}
    warehouse.append(MODEL_PERFORMANCE, rows(MODEL_PERFORMANCE, *given, **same))


def test_each_model_has_its_verdict_and_the_past_is_drawn_once_there_is_one(warehouse: Warehouse) -> None:
    past(warehouse, 0.7)
    shown = describe_performance((JUDGED, replace(JUDGED, scored_by="rules")), warehouse, Settings())
    assert f"| champion | 3 | {JUDGED} |" in shown["verdict"].value
    assert "| rules | 3 |" in shown["verdict"].value
    assert "AUC over time" not in shown
    past(warehouse, 0.7, 0.72)
    assert "data:image/png" in describe_performance((JUDGED,), warehouse, Settings())["AUC over time"].value


def test_before_anything_matured_it_says_so(warehouse: Warehouse) -> None:
    assert describe_performance((), warehouse, Settings()) == {"verdict": "no score has matured yet"}


def drift() -> Drift:
    """`moved` moved and `calm` did not."""
    rng = np.random.default_rng(1)

    def frame(more: float) -> pd.DataFrame:
        return pd.DataFrame({"moved": rng.normal(more, 1, 800), "calm": rng.normal(0, 1, 800)})

    both = Comparison(frame(0), frame(2))
    empty = Comparison(both.reference.iloc[:0], both.current.iloc[:0])
    return measure(both, empty, ["calm", "moved"], false_alarm=0.01, min_distance=0.02, rng=rng)


def test_drift_is_a_sentence_a_picture_a_table_the_farthest_first_and_a_link(tmp_path: Path) -> None:
    found = drift()
    settings = Settings(reports_address="http://localhost:3002")
    shown = describe_drift(Watched("3", found, tmp_path / "drift-2024-05-02.html"), settings)
    assert shown["finding"] == str(found)
    assert shown["report"].url == "http://localhost:3002/drift-2024-05-02.html"
    assert shown["share of features that drifted"] == 0.5
    lines = shown["farthest"].value.splitlines()[2:]
    assert [(line.split("|")[1].strip(), line.split("|")[4].strip()) for line in lines] == [
        ("moved", "yes"),
        ("calm", "no"),
    ]
    assert "data:image/png" in shown["distances"].value


def test_where_nothing_was_compared_there_is_only_the_sentence() -> None:
    assert describe_drift(Watched(None, None, None, "no model scored"), Settings()) == {"finding": "no model scored"}


def test_days_that_were_left_out_are_counted() -> None:
    shown = describe_drift(Watched("3", drift(), None, left_out=2), Settings())
    assert [number for words, number in shown.items() if words.startswith("days left out")] == [2]


def test_where_nothing_could_be_compared_there_is_no_report() -> None:
    shown = describe_drift(Watched("3", Drift(()), None), Settings())
    assert shown["finding"].startswith("not compared")
    assert "report" not in shown

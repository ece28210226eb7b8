from __future__ import annotations

import struct
import subprocess
import sys
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from churn_pipeline.core.metrics import Interval, MetricError, auc
from churn_pipeline.orchestration import pictures

# pictures are drawn
pytestmark = pytest.mark.flow

RNG = np.random.default_rng(0)
SCORES = RNG.beta(1.5, 3, 500)
LABELS = RNG.random(500) < SCORES
AREA = Interval(0.7, 0.6, 0.8)
DAYS = [datetime(2024, 5, 1, tzinfo=UTC) + timedelta(days=day) for day in range(10)]

DRAWN = {
    "roc": lambda: pictures.roc(LABELS, SCORES),
    "roc beside others": lambda: pictures.roc(LABELS, SCORES, compared={"champion 3": 1 - SCORES, "floor": SCORES**2}),
    "calibration": lambda: pictures.calibration(LABELS, SCORES),
    "calibration of one score": lambda: pictures.calibration([True, False, True], [0.5, 0.5, 0.5]),
    "histogram": lambda: pictures.score_histogram(SCORES, (0.3, 0.7)),
    "histogram of nobody": lambda: pictures.score_histogram([], (0.3, 0.7)),
    "scores by outcome": lambda: pictures.scores_by_outcome(LABELS, SCORES),
    "scores of one outcome": lambda: pictures.scores_by_outcome([True, True], [0.2, 0.9]),
    "landmarks": lambda: pictures.auc_by_landmark({1: AREA, 14: AREA}, compared={"the truth": {1: 0.75, 14: 0.8}}),
    "one landmark": lambda: pictures.auc_by_landmark({30: AREA}),
    "performance": lambda: pictures.performance_over_time(DAYS, [AREA] * 10, bound=0.65),
    "first day of performance": lambda: pictures.performance_over_time(DAYS[:1], [AREA], bound=0.65),
    "performance of nothing": lambda: pictures.performance_over_time([], [], bound=0.65),
    "drift": lambda: pictures.drift_bars([f"feature_{i}" for i in range(30)], np.linspace(2, 0, 30)),
    "drift of one constant": lambda: pictures.drift_bars(["a_name_that_is_far_too_long_for_the_axis"], [0.0]),
    "drift of nothing": lambda: pictures.drift_bars([], []),
}

TRIED = {name: RNG.normal(level, 0.02, 12).tolist() for name, level in (("xgboost", 0.6), ("lightgbm", 0.61))}
HOPELESS = {name: [False] * 4 + [True, False] * 4 for name in TRIED}
DRAWN |= {
    "searches": lambda: pictures.searches(
        TRIED,
        seconds={name: np.linspace(3, 1, 12).tolist() for name in TRIED},
        pruned=HOPELESS,
        importance={"xgboost": {"max_depth": 0.7, "learning_rate": 0.3}},
    ),
    "a search of no time, half of it without a loss": lambda: pictures.searches(
        {"network": [0.6, float("inf")]},
        seconds={"network": [0.0, 0.0]},
        pruned={"network": [False, True]},
        importance={},
    ),
    "five searches": lambda: pictures.searches(
        {str(n): [0.6] for n in range(5)},
        seconds={str(n): [1.0] for n in range(5)},
        pruned={str(n): [False] for n in range(5)},
        importance={},
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_picture_is_a_png_of_700_pixels(name: str) -> None:
    png = DRAWN[name]()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert width == 700
    assert 150 <= height <= 1400
    assert len(png) < 150_000


def test_drawing_twice_gives_the_same_bytes() -> None:
    assert pictures.calibration(LABELS, SCORES) == pictures.calibration(LABELS, SCORES)


def test_a_picture_travels_inside_markdown() -> None:
    png = pictures.roc(LABELS, SCORES)
    words, data = pictures.as_markdown_image(png, "ROC curve").split("](data:image/png;base64,")
    assert words == "![ROC curve"
    assert b64decode(data.removesuffix(")")) == png


def test_a_roc_curve_of_one_outcome_is_refused() -> None:
    with pytest.raises(MetricError, match="needs both labels"):
        pictures.roc([True, True], [0.1, 0.2])


def test_the_area_under_the_curve_is_the_auc_also_with_ties() -> None:
    coarse = np.round(SCORES, 1)
    others, hits = pictures.roc_curve(LABELS, coarse)
    assert np.trapezoid(hits, others) == pytest.approx(auc(coarse, LABELS))


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20."""
    low, high = pictures.wilson(np.array([81 / 263, 0.0]), np.array([263, 20]))
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1611], abs=5e-5)


def test_loading_the_module_loads_no_matplotlib() -> None:
    code = "import sys, churn_pipeline.orchestration.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

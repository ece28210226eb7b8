from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core import metrics
from churn_pipeline.core.log_odds import probability

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@given(PAIRS)
def test_loss_brier_and_auc_are_those_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.metrics import log_loss as sklearn_log_loss

    p, y = np.array([(score + 1) / 11 for score, _ in rows]), np.array([label for _, label in rows])
    assert metrics.auc(p, y) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert metrics.log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p), abs=1e-12)
    assert metrics.brier(p, y) == pytest.approx(brier_score_loss(y, p), abs=1e-12)


@given(PAIRS)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    ones = [score for score, label in rows if label]
    zeros = [score for score, label in rows if not label]
    pairs = [1.0 if one > zero else 0.5 if one == zero else 0.0 for one in ones for zero in zeros]
    found = metrics.auc([s for s, _ in rows], [label for _, label in rows])
    assert found == pytest.approx(np.mean(pairs), abs=1e-12)


@given(PAIRS)
def test_the_parts_of_the_brier_score_add_up_where_a_bin_holds_one_probability(rows: list[tuple[int, bool]]) -> None:
    few = [(score // 4, label) for score, label in rows]
    p, y = np.array([(score + 1) / 4 for score, _ in few]), np.array([label for _, label in few])
    bins = len(p)
    parts = metrics.brier_parts(p, y, bins=bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty
    assert whole == pytest.approx(metrics.brier(p, y), abs=1e-12)


def test_rows_of_one_trial_are_one_chance_and_not_many() -> None:
    rng = np.random.default_rng(7)
    together, apart = [], []
    for _ in range(100):
        p, trial = np.repeat(rng.uniform(0.1, 0.5, 200), 6), np.repeat(np.arange(200), 6)
        y = np.repeat(rng.random(200) < p[::6], 6)
        together.append(metrics.rms_calibration_error(p, y, groups=trial))
        apart.append(metrics.rms_calibration_error(p, y, groups=np.arange(1_200)))
    assert np.mean(together) < 0.6 * np.mean(apart)


def test_the_rms_calibration_error_is_about_0_for_a_perfect_model_and_the_distance_for_a_wrong_one() -> None:
    rng = np.random.default_rng(3)
    right, plain, wrong = [], [], []
    for _ in range(200):
        p = rng.uniform(0.1, 0.5, 400)
        y = rng.random(400) < p
        right.append(metrics.rms_calibration_error(p, y, groups=np.arange(400)))
        plain.append(metrics.ece(p, y))
        wrong.append(metrics.rms_calibration_error(p + 0.2, y, groups=np.arange(400)))
    assert np.mean(np.array(right) == 0) > 0.4
    assert np.mean(right) < 0.5 * np.mean(plain)
    assert np.mean(wrong) == pytest.approx(0.2, abs=0.01)


def test_the_offset_counts_trials_and_not_their_rows() -> None:
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(300):
        y = np.repeat(rng.random(80) < 0.3, 5)
        found = metrics.offset(np.full(400, 0.3), y, groups=np.repeat(np.arange(80), 5), confidence=0.9)
        inside.append(found.low <= 0 <= found.high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)
    with pytest.raises(metrics.MetricError, match="at least two groups"):
        metrics.offset([0.5], [1], groups=["a"], confidence=0.9)


def test_an_auc_of_one_class_is_refused() -> None:
    with pytest.raises(metrics.MetricError, match="needs both labels"):
        metrics.auc([0.1, 0.2], [1, 1])


def test_a_certain_and_wrong_probability_costs_a_finite_loss() -> None:
    assert metrics.losses([0.0, 1.0], [1, 0]).tolist() == pytest.approx([18, 18], abs=1e-6)


def test_the_auc_interval_is_as_wide_as_the_spread_over_fresh_samples_of_clustered_trials() -> None:
    rng = np.random.default_rng(7)
    areas, widths, inside = [], [], 0
    for _ in range(300):
        intent = np.repeat(rng.normal(size=120), 4)
        label = (np.repeat(rng.random(120), 4) < probability(intent)).astype(int)
        score = intent + rng.normal(0, 0.5, 480)
        found = metrics.auc_interval(score, label, groups=np.repeat(np.arange(120), 4), confidence=0.9)
        areas.append(found.mid)
        widths.append((found.high - found.low) / 2)
        inside += found.low < 0.7128 < found.high
    assert np.mean(widths) == pytest.approx(1.645 * np.std(areas), rel=0.12)
    assert inside / 300 == pytest.approx(0.9, abs=0.05)


def test_a_perfect_auc_still_has_an_interval_and_one_trial_has_none() -> None:
    found = metrics.auc_interval([1, 2, 3, 4], [0, 0, 1, 1], groups=[1, 2, 3, 4])
    assert (found.mid, found.low, found.high) == (1.0, 0.0, 1.0)
    with pytest.raises(metrics.MetricError, match="two groups"):
        metrics.auc_interval([1, 2], [0, 1], groups=[1, 1])


def test_a_perfect_model_is_calibrated_and_a_boastful_one_is_not() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 20_000)
    y = rng.random(20_000) < p
    assert metrics.ece(p, y) < 0.015
    assert metrics.ece(np.clip(p + 0.1, 0, 1), y) == pytest.approx(0.1, abs=0.02)


def test_bins_have_equal_mass_and_equal_scores_share_one() -> None:
    found = metrics.reliability(np.linspace(0, 1, 100), np.zeros(100), bins=10)
    assert found.rows.tolist() == [10] * 10
    assert metrics.reliability(np.full(50, 0.3), np.zeros(50)).rows.tolist() == [50]
    assert metrics.ece([0.3, 0.3, 0.3, 0.3], [0, 0, 0, 1]) == pytest.approx(0.05)


def test_an_interval_reads_as_its_middle_and_its_ends() -> None:
    assert str(metrics.Interval(0.1, 0.0, 0.25)) == "0.1000 (0.0000..0.2500)"

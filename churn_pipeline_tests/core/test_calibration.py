from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from churn_pipeline.core import metrics
from churn_pipeline.core.calibration import (
    FITS,
    CalibrationError,
    Calibrator,
    Kind,
    beta,
    centred_isotonic,
    choose,
    level,
    temperature,
)
from churn_pipeline.core.log_odds import LIMIT, log_odds, probability

ROWS = st.lists(st.tuples(st.floats(-6, 6), st.booleans()), min_size=1, max_size=80)
EVERY_KIND = pytest.mark.parametrize("kind", FITS)
EVERY_FIT = pytest.mark.parametrize("kind", [kind for kind in FITS if kind != "none"])


def _world(seed: int, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1.5, rows)
    return truth, (rng.random(rows) < probability(truth)).astype(float)


def _fit(kind: Kind, rows: list[tuple[float, bool]]) -> Calibrator:
    return FITS[kind](np.array([m for m, _ in rows]), np.array([y for _, y in rows], dtype=float))


@EVERY_KIND
@given(rows=ROWS)
def test_whatever_the_rows_the_map_is_strictly_increasing(kind: Kind, rows: list[tuple[float, bool]]) -> None:
    found = _fit(kind, rows)
    mapped = found(np.linspace(-8, 8, 200))
    inside = np.abs(mapped) < LIMIT
    assert (np.diff(mapped[inside]) > 0).all()
    assert (np.diff(mapped) >= 0).all()


@EVERY_KIND
@given(rows=ROWS, base=st.floats(-6, 6))
# a steep line begins, or ends, between the base and the margin beside it
@example(rows=[(0.0, False), (1.2e-7, True)], base=-3.9e-20)
@example(rows=[(-1.2e-7, False), (0.0, True)], base=-2.2e-308)
def test_the_stretch_takes_every_margin_from_the_base_to_its_score(
    kind: Kind, rows: list[tuple[float, bool]], base: float
) -> None:
    found = _fit(kind, rows)
    near = (base + step for step in (-9e-10, -1e-12, 0.0, 1e-12, 9e-10))
    margins = np.array([*(m for m, _ in rows), *near, -40.0, 40.0])
    reached = found(base) + found.stretch(margins, base) * (margins - base)
    np.testing.assert_allclose(reached, found(margins), atol=1e-9)
    if abs(float(found(base))) < LIMIT:
        assert (found.stretch(margins, base) > 0).all()


def test_beside_a_point_the_stretch_is_the_mean_of_the_two_slopes_by_the_way_on_each() -> None:
    bent = Calibrator("platt", (0.0,), (1.0,), below=2.0, above=3.0)
    assert bent.stretch(0.0, 0.0) == 3.0
    assert bent.stretch(-1e-10, 0.0) == 2.0
    assert bent.stretch(1e-10, -1e-10) == 2.5
    np.testing.assert_array_equal(bent.stretch([[5e-324], [-5e-324]], 0.0), [[3.0], [2.0]])


@EVERY_FIT
def test_a_boastful_model_is_brought_down_to_the_truth(kind: Kind) -> None:
    truth, labels = _world(1)
    found = FITS[kind](1.7 * truth, labels)
    fresh, came_true = _world(2, 20_000)
    assert metrics.ece(probability(found(1.7 * fresh)), came_true) < 0.02
    assert metrics.ece(probability(1.7 * fresh), came_true) > 0.04


def test_blocks_stand_at_their_mean_with_smoothed_rates() -> None:
    margins = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    found = centred_isotonic(margins, np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0]))
    assert found.at == pytest.approx((-1.5, 0.5, 2.5))
    assert probability(found.to) == pytest.approx([0.5 / 3, 1.5 / 3, 2.5 / 3])
    assert float(found(1.5)) == pytest.approx(float(log_odds(2.5 / 3)) / 2)


def test_equal_margins_are_one_point() -> None:
    found = centred_isotonic(np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 0.0]))
    assert found.at == (1.0,)
    assert probability(found.to) == pytest.approx([1.5 / 5])


def test_blocks_whose_smoothed_rates_fall_become_one() -> None:
    margins = np.array([-5.0, *np.linspace(0, 1, 99)])
    labels = np.array([0.0, *[0.0] * 89, *[1.0] * 10])[np.r_[0, np.random.default_rng(1).permutation(99) + 1]]
    found = centred_isotonic(margins, labels)
    assert (np.diff(found.to) > 0).all()


@EVERY_FIT
def test_a_model_that_is_the_wrong_way_round_is_flattened_not_turned(kind: Kind) -> None:
    truth, labels = _world(3)
    found = FITS[kind](-truth, labels)
    assert 0 < found.above <= 0.011
    if kind != "temperature":
        assert probability(found(-truth)).mean() == pytest.approx(labels.mean(), abs=0.02)


BENDS: dict[Kind, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda margin: margin,
    "temperature": lambda margin: 0.5 * margin,
    "platt": lambda margin: 0.8 * margin - 1,
    "beta": lambda margin: 1.8 * np.logaddexp(0, margin) - 0.4 * np.logaddexp(0, -margin) - 0.3,
    "centred isotonic": lambda margin: np.where(margin < 0, -2, 1.5) + 0.1 * margin,
}
"""How the true log-odds follow from the margin where each way to calibrate is the simplest that can say so."""


@EVERY_KIND
def test_each_way_is_chosen_where_the_truth_bends_as_it_does(kind: Kind) -> None:
    rng = np.random.default_rng(8)
    margins = rng.normal(0, 2, 8_000)
    labels = rng.random(8_000) < probability(BENDS[kind](margins))
    found = choose(margins, labels, np.arange(8_000))
    assert found.calibrator.kind == kind
    fresh = rng.normal(0, 2, 4_000)
    off = probability(found.calibrator(fresh)) - probability(BENDS[kind](fresh))
    assert np.abs(off).mean() < (0.04 if kind == "centred isotonic" else 0.02)
    if kind != "none":
        assert np.abs(off).mean() < np.abs(probability(fresh) - probability(BENDS[kind](fresh))).mean() / 3


def test_a_bend_that_few_rows_show_is_not_believed() -> None:
    chosen = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margins = rng.normal(0, 2, 60)
        labels = rng.random(60) < probability(margins)
        chosen.append(choose(margins, labels, np.arange(60)).calibrator.kind)
    assert chosen.count("none") >= 14
    assert chosen.count("centred isotonic") <= 1


def test_a_beta_map_has_the_two_slopes_of_kulls_and_lies_on_his_curve() -> None:
    rng = np.random.default_rng(9)
    margins = rng.normal(0, 2.5, 60_000)
    p = probability(margins)
    truth = 0.5 * np.log(p) - 1.5 * np.log1p(-p) - 0.4
    found = beta(margins, (rng.random(60_000) < probability(truth)).astype(float))
    assert (found.below, found.above) == pytest.approx((0.5, 1.5), abs=0.06)
    assert np.abs(found(margins) - truth).max() < 0.4


def test_the_choice_depends_on_the_groups_and_not_on_the_order_of_rows() -> None:
    truth, labels = _world(5, 400)
    trials = np.arange(400) // 4
    first = choose(truth, labels, trials)
    order = np.random.default_rng(1).permutation(400)
    second = choose(truth[order], labels[order], trials[order])
    assert second.losses == pytest.approx(first.losses, abs=1e-12)
    assert second.calibrator.kind == first.calibrator.kind


def test_one_trial_or_an_infinite_margin_cannot_be_calibrated() -> None:
    with pytest.raises(CalibrationError, match="got 1 groups and 1 margins"):
        choose([1.0, np.inf], [0, 1], ["a", "a"])


@EVERY_KIND
def test_a_map_survives_json_bit_by_bit(kind: Kind) -> None:
    found = FITS[kind](*_world(6, 300))
    assert Calibrator.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("at", "to", "below"),
    [
        ((0.0, 0.0), (0.0, 1.0), 1.0),
        ((0.0, 1.0), (1.0, 1.0), 1.0),
        ((0.0,), (0.0,), 0.0),
        ((), (), 1.0),
        ((0.0,), (np.nan,), 1.0),
    ],
)
def test_a_map_that_is_not_rising_is_refused(at: tuple[float, ...], to: tuple[float, ...], below: float) -> None:
    with pytest.raises(CalibrationError, match="not strictly increasing"):
        Calibrator("platt", at, to, below, 1.0)


def test_nothing_leaves_the_map_beyond_the_limit() -> None:
    found = temperature(*_world(7, 300))
    assert found([-1e9, 1e9]).tolist() == [-LIMIT, LIMIT]


def test_the_level_is_that_of_the_rows() -> None:
    margin = np.random.default_rng(1).normal(size=5_000)
    labels = (np.arange(5_000) % 10 == 0).astype(float)
    flat = Calibrator("temperature", (0.0,), (0.0,), 0.5, 0.5)
    shifted = flat(margin + level(margin, labels, calibrator=flat))
    assert (1 / (1 + np.exp(-shifted))).mean() == pytest.approx(0.1, abs=1e-3)
    assert np.isfinite(level(margin, np.ones(5_000), calibrator=flat))


def test_a_level_that_is_off_is_no_reason_for_another_shape() -> None:
    rng = np.random.default_rng(10)
    margins = rng.normal(-0.5, 1.5, 6_000)
    labels = rng.random(6_000) < probability(margins + 0.7)
    assert choose(margins, labels, np.arange(6_000)).calibrator.kind == "none"

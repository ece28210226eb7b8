from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest

from churn_pipeline.core.members import MemberError
from churn_pipeline.core.members.network import FILE, NEAR, Inputs, Layers, NetworkMember, silu, silu_slope
from churn_pipeline_tests.core.members.trees import rows

UNITS = 24


def member(x: np.ndarray, seed: int = 1) -> NetworkMember:
    """A network of large random weights: bent more than any that was learnt."""
    rng, inputs = np.random.default_rng(seed), Inputs.learn(x)
    weights = rng.normal(size=(len(inputs.centre), UNITS))
    return NetworkMember.of(inputs, Layers(weights, rng.normal(size=UNITS), rng.normal(size=UNITS), 0.3))


X, _ = rows(600, 1)
MEMBER = member(X)


def test_pushes_are_the_integrals_of_the_gradient_from_the_mean_of_training() -> None:
    """By a thousand nodes of the trapezoidal rule over the way, a path through the network's own definition."""
    x, _ = rows(40, 2)
    given, layers = MEMBER.inputs.apply(x), MEMBER.layers
    ways = np.linspace(0, 1, 1_001)
    reached = layers.biases + ways[:, None, None] * (given @ layers.weights)
    gradient = (silu_slope(reached) * layers.slopes) @ layers.weights.T
    expected = MEMBER.inputs.by_column(given * np.trapezoid(gradient, ways, axis=0))
    base, pushes = MEMBER.contributions(x)
    np.testing.assert_allclose(pushes, expected, atol=1e-5)
    assert base == pytest.approx(layers.intercept + silu(layers.biases) @ layers.slopes)


def test_base_and_pushes_give_the_margin_wherever_a_row_lies() -> None:
    x, _ = rows(10_000, 2)
    x[:50, 0], x[50:100, 1] = 1e30, -1e6
    base, pushes = MEMBER.contributions(x)
    assert np.abs(base + pushes.sum(axis=1) - MEMBER.margin(x)).max() < 1e-12


def test_a_row_of_the_mean_is_pushed_nowhere_and_one_beside_it_hardly() -> None:
    inputs = Inputs.learn(X)
    fit = NetworkMember.of(inputs, MEMBER.layers)
    for way in (0.0, NEAR / 10, NEAR, 10 * NEAR):
        x = np.array(inputs.preparation.mean)[None, :] + way
        base, pushes = fit.contributions(x)
        assert np.isfinite(pushes).all()
        assert abs(base + pushes.sum() - fit.margin(x)[0]) < 1e-12


def test_the_slope_is_the_derivative() -> None:
    z = np.linspace(-40, 40, 401)
    np.testing.assert_allclose(silu_slope(z), (silu(z + 1e-6) - silu(z - 1e-6)) / 2e-6, atol=1e-8)


def test_what_never_varied_in_training_pushes_exactly_nothing() -> None:
    x, _ = rows(50, 2)
    x[:, 7] = np.linspace(-5, 5, 50)
    x[:5, 7] = np.nan
    _, pushes = MEMBER.contributions(x)
    assert (pushes[:, 7] == 0).all()
    changed = x.copy()
    changed[:, 7] = 1.0
    np.testing.assert_array_equal(MEMBER.margin(x), MEMBER.margin(changed))


def test_a_null_is_told_from_the_mean_where_training_saw_nulls() -> None:
    x = np.full((2, 8), 0.3)
    x[0, 0], x[1, 0] = np.nan, MEMBER.inputs.preparation.mean[0]
    _, pushes = MEMBER.contributions(x)
    assert pushes[0, 0] != pytest.approx(pushes[1, 0], abs=1e-3)


def test_inputs_are_centred_and_bounded() -> None:
    given = MEMBER.inputs.apply(X)
    np.testing.assert_allclose(given.mean(axis=0), 0, atol=1e-12)
    assert np.abs(MEMBER.inputs.apply(np.full((1, 8), 1e38))).max() < 6.1


def test_the_bytes_do_not_tell_when_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    first = member(X).files()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert member(X).files() == first
    assert NetworkMember.read(first) == MEMBER
    assert member(X, seed=2) != MEMBER


def test_no_byte_that_is_lost_or_changed_goes_unseen() -> None:
    whole = MEMBER.files()[FILE]
    x, _ = rows(5, 3)
    for size in range(0, len(whole), 97):
        with pytest.raises(MemberError, match=r"network\.npz is not NumPy's archive"):
            NetworkMember.read({FILE: whole[:size]})
    for place in range(0, len(whole), 31):
        changed = bytearray(whole)
        changed[place] ^= 0x15
        try:
            read = NetworkMember.read({FILE: bytes(changed)})
        except MemberError:
            continue
        np.testing.assert_array_equal(read.margin(x), MEMBER.margin(x))  # of the archive's own remarks alone


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weights": np.zeros((3, UNITS))},
            rf"weights is float64 \(3, {UNITS}\); allowed: finite float64 \(14, {UNITS}\)",
        ),
        ({"slopes": np.full(UNITS, np.nan)}, "slopes is float64"),
        ({"biases": None}, "biases is missing"),
        ({"extra": np.zeros(1)}, "extra is not part of it"),
        ({"used": np.ones(16)}, r"used is float64 \(16,\); allowed: finite bool \(16,\)"),
    ],
)
def test_arrays_that_are_no_network_are_refused_by_name(change: dict[str, Any], message: str) -> None:
    with np.load(io.BytesIO(MEMBER.files()[FILE])) as arrays:
        given = {name: values for name, values in ({**arrays} | change).items() if values is not None}
    content = io.BytesIO()
    np.savez(content, **given)
    with pytest.raises(MemberError, match=message):
        NetworkMember.read({FILE: content.getvalue()})


def test_pickled_objects_are_not_read() -> None:
    content = io.BytesIO()
    np.savez(content, weights=np.array([{}], dtype=object))
    with pytest.raises(MemberError, match="allow_pickle=False"):
        NetworkMember.read({FILE: content.getvalue()})

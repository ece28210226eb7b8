from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.capabilities.simulation.ids import BLOCK, opaque


@given(st.sets(st.integers(0, 2**40 - 1), min_size=2, max_size=50))
def test_different_numbers_have_different_ids(numbers: set[int]) -> None:
    ids = opaque(np.array(sorted(numbers)), "e_").to_pylist()
    assert len(set(ids)) == len(numbers)


def test_an_id_does_not_depend_on_its_neighbours() -> None:
    many = opaque(np.arange(BLOCK + 3), "t_")
    assert many.slice(BLOCK - 1).to_pylist() == opaque(np.arange(BLOCK - 1, BLOCK + 3), "t_").to_pylist()


def test_an_id_is_its_prefix_and_ten_hexadecimal_digits() -> None:
    (one,) = opaque(np.array([12_345]), "trial_").to_pylist()
    assert one.startswith("trial_")
    assert len(bytes.fromhex(one.removeprefix("trial_"))) == 5


def test_ids_in_a_row_have_nothing_in_common() -> None:
    ids = opaque(np.arange(1_000), "").to_pylist()
    assert len({one[:3] for one in ids}) > 800


def test_no_numbers_have_no_ids() -> None:
    assert opaque(np.array([], np.int64), "t_").to_pylist() == []

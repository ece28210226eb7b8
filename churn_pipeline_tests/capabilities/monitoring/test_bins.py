from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.capabilities.monitoring.bins import MOST_LEVELS, MOST_NUMBERS, RARE, UNKNOWN, binned

numbers = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(0, 3).map(float)), min_size=1, max_size=60)
words = st.lists(st.one_of(st.none(), st.text("abc", min_size=1, max_size=2)), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", ["numbers", "words"])
@given(data=st.data())
def test_every_row_is_in_one_bin_and_which_sample_it_is_in_moves_no_bin(kind: str, data: st.DataObject) -> None:
    drawn: dict[str, st.SearchStrategy[Any]] = {"numbers": numbers, "words": words}
    values = data.draw(drawn[kind])
    dtype = np.float64 if kind == "numbers" else object
    cut = data.draw(st.integers(0, len(values)))
    column = pd.Series(values, dtype=dtype)
    one = binned(column[:cut], column[cut:])
    everything = binned(column, column[:0])
    assert one.labels == everything.labels
    assert [*one.reference, *one.current] == list(everything.reference)
    assert sum(sum(side) for side in one.counts()) == len(values)
    assert all(then + now > 0 for then, now in zip(*one.counts(), strict=True))


def test_a_number_with_few_values_has_a_bin_for_each_and_one_for_the_unknown() -> None:
    found = binned(pd.Series([0.0, 1.0, 2.0, np.nan]), pd.Series([2.0, 2.0]))
    assert found.labels == ("0", "1", "2", UNKNOWN)
    assert found.counts()[0].tolist() == [1, 1, 1, 1]
    assert found.counts()[1].tolist() == [0, 0, 2, 0]


def test_a_number_with_many_values_is_cut_into_tenths_that_say_their_range() -> None:
    found = binned(pd.Series(np.arange(500.0)), pd.Series(np.arange(500.0, 1000.0)))
    assert len(found.labels) == MOST_NUMBERS
    assert found.labels[0] == "0 to 99"
    assert found.labels[-1] == "900 to 999"
    assert (found.counts()[0] + found.counts()[1]).tolist() == [100] * 10


def test_rare_levels_share_a_bin_and_a_level_called_unknown_stays_apart_from_the_unknown() -> None:
    frequent = [f"level{i:02d}" for i in range(MOST_LEVELS - 1)] * 3 + [UNKNOWN] * 3
    found = binned(pd.Series(frequent, dtype=object), pd.Series(["once", "twice", None], dtype=object))
    assert found.labels[-2:] == (RARE, UNKNOWN)
    assert found.labels.count(UNKNOWN) == 2
    assert found.counts()[1].sum() == 3
    assert found.counts()[1][-2:].tolist() == [2, 1]


def test_flags_and_a_column_that_nobody_knows_are_cut_too() -> None:
    assert binned(pd.Series([True, False]), pd.Series([True])).labels == ("0", "1")
    assert binned(pd.Series([None, None], dtype=object), pd.Series([None], dtype=object)).labels == (UNKNOWN,)
    assert binned(pd.Series([np.nan]), pd.Series([np.nan])).labels == (UNKNOWN,)

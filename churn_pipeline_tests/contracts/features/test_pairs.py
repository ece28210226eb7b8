from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from churn_pipeline.contracts.features import pairs
from churn_pipeline.contracts.features.grains import PAIRS, TRANSITIONS
from churn_pipeline.contracts.features.journey import TRANSITION_COUNTS
from churn_pipeline.contracts.features.volume import EVENTS_BY_NAME

WORDS = "(values ('a', 1), ('b', 2), ('z', 3)) as v(word, number)"


def asked(sql: str, counts: dict[tuple[int, int], int], *, words: str = WORDS, most: int = 4) -> Any:
    """What an expression over `top`, the commonest of some counts, gives."""
    rows = ", ".join(f"({one}::bigint, {two}::bigint, {n})" for (one, two), n in counts.items())
    row = duckdb.execute(
        f"with spelling as materialized ({pairs.spelling(words)}), "
        f"counted as (select {pairs.pair('one', 'two')} as transition, n from (values {rows}) as v(one, two, n) cross join spelling), "
        f"found as (select {pairs.commonest(TRANSITIONS, most)} as top from counted cross join spelling) "
        f"select {sql} from found cross join spelling"
    ).fetchone()
    assert row
    return row[0]


def test_the_commonest_are_kept_ties_in_the_order_of_their_words() -> None:
    counts = {(3, 3): 1, (2, 1): 3, (1, 3): 2, (1, 2): 2, (3, 1): 2}
    assert asked(pairs.spelt("top", TRANSITIONS), counts, most=3) == {"a > b": 2, "a > z": 2, "b > a": 3}
    assert asked(pairs.pair_words("top[1]", TRANSITIONS), counts) == "b > a"
    assert asked(pairs.times("top[1]"), counts) == 3
    assert asked(pairs.pair_words("top[9]", TRANSITIONS), counts) is None


def test_the_largest_numbers_keep_their_order_and_a_count_that_does_not_fit_is_cut() -> None:
    """A million words leave room for nine million times."""
    million = 10**6
    words = (
        f"(select 'w' || lpad(cast(number as varchar), 7, '0') as word, number from range(1, {million + 1}) r(number))"
    )
    counts = {(million, million): 10**12, (million, 1): 10**12, (1, million): 9 * 10**6, (1, 1): 3}
    numbers = ("w0000001", f"w{million:07d}")
    first, last = numbers
    cut = (2**63 - 1) // (million + 1) ** 2 - 1
    assert 9 * 10**6 < cut < 10**7
    spelt = {(one, two): f"{one} > {two}" for one in numbers for two in numbers}
    assert asked(pairs.spelt("top", TRANSITIONS), counts, words=words) == {
        spelt[first, first]: 3,
        spelt[first, last]: 9 * 10**6,
        spelt[last, first]: cut,
        spelt[last, last]: cut,
    }


def test_pairs_that_read_alike_are_one() -> None:
    words = "(values ('a', 1), ('a + b', 2), ('b + c', 3), ('c', 4)) as v(word, number)"
    counts = {(1, 3): 5, (2, 4): 2, (4, 4): 1}
    assert asked(pairs.spelt("top", PAIRS), counts, words=words) == {"a + b + c": 7, "c + c": 1}


def test_where_nothing_was_done_nothing_is_spelt() -> None:
    assert asked(pairs.spelt("null::hugeint[]", PAIRS), {(1, 1): 1}) is None
    assert asked(pairs.spelt("null::hugeint[]", PAIRS), {(1, 1): 1}, words=f"(from {WORDS} where false)") is None


def test_the_most_of_counts_goes_with_pairs() -> None:
    assert TRANSITION_COUNTS.most
    with pytest.raises(ValueError, match="events_by_name: `most` is for grains of pairs"):
        replace(EVENTS_BY_NAME, most=3)
    with pytest.raises(ValueError, match="transitions: `most` is for grains of pairs"):
        replace(TRANSITION_COUNTS, most=None)

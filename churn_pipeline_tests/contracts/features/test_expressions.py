from __future__ import annotations

import math

import duckdb
import pytest

from churn_pipeline.contracts.features.expressions import entropy, hours, last, minutes


def value(expression: str, *rows: tuple[int, int]) -> float:
    """An aggregate over rows of n and day, looked at on day 0."""
    given = ", ".join(map(str, rows))
    with duckdb.connect() as connection:
        ((found,),) = connection.sql(
            f"select {expression} from (values {given}) as t(n, day), (select 0 as today)"
        ).fetchall()
    return float(found)


@pytest.mark.parametrize("counts", [(1,), (5, 5), (1, 2, 3, 4), (7, 1, 1), (1000, 3, 3)])
def test_entropy_is_shannons(counts: tuple[int, ...]) -> None:
    total = sum(counts)
    shannon = -sum(n / total * math.log(n / total) for n in counts)
    assert value(entropy(), *((n, 0) for n in counts)) == pytest.approx(shannon, abs=2e-6)


def test_what_is_all_of_one_kind_has_no_entropy_at_all() -> None:
    assert [value(entropy(), (n, 0)) for n in (1, 2, 3, 7, 12345)] == [0, 0, 0, 0, 0]


def test_the_last_days_end_at_the_look_or_as_many_days_before_it() -> None:
    rows = [(1, -1), (10, -3), (100, -4), (1000, -6), (10000, -7)]
    assert value(last(3), *rows) == 11
    assert value(last(3, after=3), *rows) == 1100
    assert value(last(1, after=1), *rows) == 0


def test_microseconds_become_hours_and_minutes() -> None:
    assert value(f"any_value({hours('5400000000')})", (1, 0)) == 1.5
    assert value(f"any_value({minutes('90000000')})", (1, 0)) == 1.5

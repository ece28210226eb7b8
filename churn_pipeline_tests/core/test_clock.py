from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.core.clock import midnight, midnight_after, sql_instant

INSTANTS = st.builds(
    lambda day, microseconds, zone: (datetime(1990, 1, 1, tzinfo=UTC) + timedelta(day, 0, microseconds)).astimezone(
        zone
    ),
    st.integers(0, 40_000),
    st.integers(0, 86_400_000_000 - 1),
    st.sampled_from([UTC, timezone(timedelta(hours=9))]),
)


@given(INSTANTS)
def test_the_midnight_after_is_the_first_that_is_strictly_later(instant: datetime) -> None:
    after = midnight_after(instant)
    assert after > instant
    assert after - instant <= timedelta(days=1)
    assert midnight(after.date()) == after


def test_a_midnight_itself_is_not_after_itself() -> None:
    assert midnight_after(datetime(2024, 5, 1, tzinfo=UTC)) == datetime(2024, 5, 2, tzinfo=UTC)
    assert midnight_after(datetime(2024, 4, 30, 23, 59, 59, 999999, UTC)) == datetime(2024, 5, 1, tzinfo=UTC)


def test_another_zone_is_taken_to_utc_before_its_day_is_read() -> None:
    assert midnight_after(datetime(2024, 5, 2, 1, tzinfo=timezone(timedelta(hours=9)))) == datetime(
        2024, 5, 2, tzinfo=UTC
    )


@given(st.lists(INSTANTS, min_size=1))
@settings(max_examples=20, deadline=None)
def test_the_engine_reads_an_instant_to_the_microsecond(instants: list[datetime]) -> None:
    read = ", ".join(f"epoch_us({sql_instant(instant)})" for instant in instants)
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(f"select {read}").fetchone()
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == tuple((instant - begin) // timedelta(microseconds=1) for instant in instants)

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.labels import labels_query, training_set_query

START = datetime(2024, 5, 1, 9, tzinfo=UTC)
GRACE = 7
CLOSES = START + timedelta(days=14 + GRACE)
TICK = timedelta(microseconds=1)


def labelled(
    as_of: datetime,
    *converted_at: datetime,
    start: datetime = START,
    grace: int = GRACE,
    rejected: datetime | None = None,
) -> list[dict[str, Any]]:
    """The labels as of a moment of one 14-day trial with subscriptions at those moments, and perhaps one in quarantine."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"create view trials as select 't' as trial_id, {sql_instant(start)} as started_at, 14 as trial_days"
        )
        connection.execute("create table subscriptions (trial_id varchar, started_at timestamptz)")
        connection.execute("create table rejected_subscriptions (trial_id varchar, known_at timestamptz)")
        connection.execute("insert into rejected_subscriptions values (?, ?)", ["t" if rejected else None, rejected])
        for at in converted_at:
            connection.execute("insert into subscriptions values ('t', ?)", [at])
        rows: list[dict[str, Any]] = (
            connection.sql(labels_query(sql_instant(as_of), grace)).to_arrow_table().to_pylist()
        )
    return rows


def test_a_label_is_mature_the_instant_its_window_has_closed_and_not_before() -> None:
    assert labelled(CLOSES - TICK, START) == []
    assert labelled(CLOSES, START)[0]["matured_at"] == CLOSES


def test_a_subscription_on_the_last_instant_of_the_grace_counts_and_one_at_its_end_does_not() -> None:
    (last,) = labelled(CLOSES, CLOSES - TICK)
    assert (last["converted"], last["converted_at"]) == (True, CLOSES - TICK)
    (late,) = labelled(CLOSES, CLOSES)
    assert (late["converted"], late["converted_at"]) == (False, None)


def test_without_a_subscription_the_trial_did_not_convert() -> None:
    assert labelled(CLOSES) == [{"trial_id": "t", "converted": False, "converted_at": None, "matured_at": CLOSES}]


def test_nobody_can_say_what_became_of_a_trial_whose_only_subscription_is_in_quarantine() -> None:
    assert labelled(CLOSES, rejected=START) == []
    assert labelled(CLOSES, CLOSES, rejected=CLOSES - TICK) == []
    (row,) = labelled(CLOSES, START, rejected=START)
    assert row["converted"] is True


def test_a_rejected_subscription_that_came_after_the_window_takes_no_final_label_away() -> None:
    (row,) = labelled(CLOSES + timedelta(days=90), rejected=CLOSES)
    assert row["converted"] is False


def test_the_first_subscription_is_the_conversion() -> None:
    first = START + timedelta(days=3)
    (row,) = labelled(CLOSES, CLOSES + TICK, START + timedelta(days=9), first)
    assert row["converted_at"] == first


def test_the_days_of_grace_are_a_setting() -> None:
    at = START + timedelta(days=20)
    assert labelled(CLOSES, at, grace=0)[0]["converted"] is False
    assert labelled(CLOSES, at, grace=7)[0]["converted"] is True


def test_a_summer_time_change_moves_no_window() -> None:
    start = datetime(2024, 3, 25, 9, tzinfo=UTC)
    (row,) = labelled(start + timedelta(days=21), start=start)
    assert row["matured_at"] == start + timedelta(days=21)


def joined(looks: Sequence[int], converted_on: int | None) -> list[int]:
    """The trial days that the training set keeps, of a trial looked at on `looks` that converted at the midnight of that day."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        day = f"{sql_instant(datetime(2024, 5, 1, tzinfo=UTC))} + interval 1 day *"
        values = ", ".join(f"({look})" for look in looks)
        snapshots = (
            f"select 't' as trial_id, 0 as started_at, n as trial_day, {day} n as as_of from (values {values}) as l(n)"
        )
        at = "null" if converted_on is None else f"{day} {converted_on}"
        labels = f"select 't' as trial_id, {converted_on is not None} as converted, cast({at} as timestamptz) as converted_at"
        return [
            row[0]
            for row in connection.sql(f"select trial_day from ({training_set_query(snapshots, labels)})").fetchall()
        ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True), st.one_of(st.none(), st.integers(0, 30)))
def test_a_trial_counts_on_the_days_on_which_it_would_have_been_scored(looks: list[int], converted: int | None) -> None:
    kept = [look for look in sorted(looks) if converted is None or look <= converted]
    assert joined(looks, converted) == kept


def test_snapshots_without_a_mature_label_are_left_out() -> None:
    with duckdb.connect() as connection:
        snapshots = "select 't' as trial_id, 0 as started_at, 1 as trial_day, now() as as_of"
        labels = "select 'other' as trial_id, true as converted, null::timestamptz as converted_at"
        assert connection.sql(training_set_query(snapshots, labels)).fetchall() == []

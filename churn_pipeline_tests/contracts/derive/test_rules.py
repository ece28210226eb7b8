from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from churn_pipeline.contracts.derive.duckdb import duckdb_type
from churn_pipeline.contracts.derive.rules import READING, all_rules, bounds, row_rules, trial_rules
from churn_pipeline.contracts.raw import CONTACTS, EVENTS, INVOICES, RAW_TABLES, TRIALS
from churn_pipeline.contracts.spec import Column, Flag, Integer, Money, OneOf, Real, Table, Text, Type

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("table", RAW_TABLES)
def test_every_rule_is_a_condition_that_the_engine_can_evaluate(table: Table) -> None:
    columns = ", ".join(f"null::{duckdb_type(c.type)} as {c.name}" for c in table.columns)
    read = f"(select null::varchar as _wrong, null::map(varchar, varchar) as _misread, null::timestamptz as _trial_started, {columns})"
    with duckdb.connect() as connection:
        for rule in (*row_rules(table, read_at=NOW), *trial_rules(table)):
            connection.execute(f"select 1 from {read} where {rule.bad}")
            assert rule.allowed, rule.name
            assert rule.do, rule.name


@pytest.mark.parametrize("table", RAW_TABLES)
def test_no_two_rules_of_a_table_share_name_and_column(table: Table) -> None:
    names = [(rule.name, rule.column) for rule in all_rules(table, read_at=NOW)]
    assert len(names) == len(set(names))


def test_what_counts_first_comes_first() -> None:
    names = [rule.name for rule in all_rules(EVENTS, read_at=NOW)]
    order = [
        "unreadable_line",
        "missing_key",
        "wrong_type_event_id",
        "out_of_bounds_event_id",
        "occurred_at_after_received_at",
    ]
    order += ["in_the_future", "unknown_trial", "before_trial", "duplicate_key", "conflicts_with_known"]
    assert [name for name in names if name in order] == order


def test_records_are_held_against_their_trial_where_they_have_one() -> None:
    assert trial_rules(TRIALS) == trial_rules(INVOICES) == ()
    assert [r.name for r in trial_rules(EVENTS)] == ["unknown_trial", "before_trial"]
    assert [r.name for r in trial_rules(CONTACTS)] == ["unknown_trial"]


def test_personal_values_are_never_shown() -> None:
    assert all(not r.shows for r in all_rules(CONTACTS, read_at=NOW) if r.column in {"email", "name", "owner"})


@pytest.mark.parametrize(
    ("type_", "good", "bad", "words"),
    [
        (Text(low=1, high=3), ["'a'", "'abc'"], ["''", "'abcd'"], "1 to 3 characters"),
        (Text(pattern="[A-Z]{2}"), ["'DE'"], ["'de'", "'DEU'"], "texts of the shape [A-Z]{2}"),
        (Integer(1, 365), ["1", "365"], ["0", "366"], "1 to 365 days"),
        (Integer(1), ["1"], ["0"], "at least 1 days"),
        (Real(high=1), ["1"], ["1.5"], "at most 1 days"),
        (Money(0), ["0.0"], ["-0.01"], "at least 0 days"),
        (OneOf(("a", "it's")), ["'a'", "'it''s'"], ["'b'"], "one of a, it's"),
    ],
)
def test_bounds_tell_good_from_bad_and_say_what_is_allowed(
    type_: Type, good: list[str], bad: list[str], words: str
) -> None:
    column = Column("c", type_, "A column.", unit="days")
    for values, expected in ((good, False), (bad, True), (["null"], None)):
        for value in values:
            condition, allowed = bounds(column, value)
            assert duckdb.connect().execute(f"select {condition}").fetchone() == (expected,)
            assert allowed == words


def test_what_has_no_bounds_has_no_condition() -> None:
    assert bounds(Column("c", Flag(), "A column."), "c") == bounds(Column("c", Integer(), "A column."), "c") == ("", "")
    assert READING[0] == "_row"

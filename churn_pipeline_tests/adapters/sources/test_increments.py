from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from churn_pipeline.adapters.sources.increments import Watermark, increment
from churn_pipeline.adapters.sources.mapping import Mapped
from churn_pipeline.contracts.raw import EVENTS, INVOICES, TRIALS
from churn_pipeline.contracts.spec import Table

READ = datetime(2024, 5, 10, tzinfo=UTC)
HOW: dict[str, Any] = {"address": "mysql://db/shop", "look_back": timedelta(days=3), "look_back_rows": 100}


def mapped(**said: object) -> Mapped:
    return Mapped.model_validate({"from": "t", **said})


@pytest.mark.parametrize(
    ("table", "said", "own", "cursor"),
    [
        (TRIALS, None, ["trial_id", "Updated_At"], "Updated_At"),
        (EVENTS, None, ["received_at", "occurred_at"], "received_at"),
        (EVENTS, None, ["occurred_at"], None),
        (INVOICES, None, ["paid_at"], None),
        (TRIALS, mapped(columns={"updated_at": "changed"}), ["changed"], "changed"),
        (TRIALS, mapped(columns={"updated_at": {"column": "changed", "format": "%d"}}), ["changed"], None),
        (TRIALS, mapped(columns={"updated_at": {"sql": "now()"}}), ["updated_at"], None),
        (TRIALS, mapped(cursor="seen"), ["updated_at"], "seen"),
        (TRIALS, Mapped(select="select 1"), ["updated_at"], None),
    ],
)
def test_a_table_is_read_by_what_grows_with_each_change(
    table: Table, said: Mapped | None, own: list[str], cursor: str | None
) -> None:
    found = increment(table, said, own, marks={}, **HOW)
    assert (found.cursor if found else None) == cursor
    assert found is None or found.since is None


def test_a_watermark_holds_for_the_source_and_mapping_it_was_set_with() -> None:
    first = increment(TRIALS, mapped(cursor="seen"), [], marks={}, **HOW)
    assert first is not None
    marks = {"trials": Watermark("trials", "seen", READ, first.origin)}
    again = increment(TRIALS, mapped(cursor="seen"), [], marks=marks, **HOW)
    changed = increment(TRIALS, mapped(cursor="seen", where="a > 1"), [], marks=marks, **HOW)
    elsewhere = increment(TRIALS, mapped(cursor="seen"), [], marks=marks, **HOW | {"address": "mysql://other"})
    assert again is not None
    assert again.since == READ - timedelta(days=3)
    assert [by.since for by in (changed, elsewhere) if by] == [None, None]


def test_a_number_that_counts_up_is_looked_back_from_in_numbers() -> None:
    first = increment(EVENTS, mapped(cursor="id"), [], marks={}, **HOW)
    assert first is not None
    marks = {"events": Watermark("events", "id", 250, first.origin)}
    again = increment(EVENTS, mapped(cursor="id"), [], marks=marks, **HOW)
    assert again is not None
    assert again.since == 150

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_pipeline.capabilities.simulation.dirt import COPY, FAULTS, LATE, header, planted
from churn_pipeline.capabilities.simulation.world import World
from churn_pipeline.contracts.raw import EVENTS, RAW_TABLES, TRIALS
from churn_pipeline_tests.businesses import world

DIRTY = {"trials": 2_000, "again_share": 0.05, "damaged_share": 0.2}


def rules(some: World, table: str) -> Counter[str]:
    dirt = some.dirt.filter(pc.equal(some.dirt["table_name"], table))
    return Counter(dirt["rule"].to_pylist())


def test_dirt_takes_no_good_record_away() -> None:
    clean, dirty = world(trials=2_000), world(**DIRTY)
    assert clean.dirt.num_rows == 0
    assert all(dirty.raw[table.name].equals(clean.raw[table.name]) for table in RAW_TABLES)


@pytest.mark.parametrize("table", FAULTS)
def test_records_come_again_in_their_share_and_are_damaged_in_theirs(table: str) -> None:
    found, records = rules(world(**DIRTY), table), getattr(world(**DIRTY), table).num_rows
    # four standard errors
    assert found.total() == pytest.approx(0.05 * records, abs=4 * (0.05 * records) ** 0.5)
    damaged = found.total() - found[COPY]
    assert damaged == pytest.approx(0.2 * found.total(), abs=4 * (0.2 * found.total()) ** 0.5)


def test_events_are_damaged_in_every_way() -> None:
    assert set(rules(world(**DIRTY), "events")) == {COPY, *(fault.rule for fault in FAULTS["events"])}


def test_a_line_has_a_field_for_each_column_unless_it_breaks_off() -> None:
    dirt = world(**DIRTY).dirt.to_pylist()
    lines = [row for row in dirt if row["table_name"] == "events" and "{" not in row["line"]]
    assert {row["line"].count(",") == len(EVENTS.names) - 1 for row in lines if row["rule"] != "unreadable_line"} == {
        True
    }
    assert {row["line"].count(",") for row in lines if row["rule"] == "unreadable_line"} == {2}
    assert header(TRIALS).split(",") == list(TRIALS.names)


def test_what_was_planted_is_counted_the_late_events_too() -> None:
    some = world(**DIRTY)
    counted = {(r["table_name"], r["rule"]): r["rows"] for r in planted(some.events, some.dirt).to_pylist()}
    assert counted[("events", COPY)] == rules(some, "events")[COPY]
    assert sum(counted.values()) - counted[("events", LATE)] == some.dirt.num_rows
    took = pc.subtract(some.events["received_at"], some.events["occurred_at"]).cast(pa.int64())
    assert counted[("events", LATE)] == pc.sum(pc.greater(took, 120_000_000)).as_py()

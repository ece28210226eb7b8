from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_pipeline.capabilities.simulation.world import World, simulate
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import ASSIGNMENTS, CONTACTS, EVENTS, RAW_TABLES, SUBSCRIPTIONS, TOUCHES
from churn_pipeline.contracts.spec import Integer, Money, Real, Table, Text
from churn_pipeline_tests.businesses import parameters, world

TABLES = pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)


def records(some: World, table: Table) -> pa.Table:
    found: pa.Table = getattr(some, table.name)
    return found


@TABLES
def test_tables_are_in_the_contract(table: Table) -> None:
    found = records(world(), table)
    assert found.schema == arrow_schema(table)
    found.validate(full=True)
    assert all(c.null or found[c.name].null_count == 0 for c in table.columns)


@TABLES
def test_no_key_is_doubled(table: Table) -> None:
    versioned = [table.versioned_by] if table.versioned_by else []
    found = records(world(), table)
    assert found.group_by([*table.key, *versioned]).aggregate([]).num_rows == found.num_rows > 0


@TABLES
def test_values_are_within_their_bounds(table: Table) -> None:
    for column in table.columns:
        values = records(world(), table)[column.name].drop_null()
        match column.type:
            case Text(high=high, low=low, pattern=pattern) if len(values):
                lengths = pc.utf8_length(values)
                assert pc.min(lengths).as_py() >= low
                assert high is None or pc.max(lengths).as_py() <= high
                assert pattern is None or pc.all(pc.match_substring_regex(values, f"^{pattern}$")).as_py()
            case Integer(low=low, high=high) | Real(low=low, high=high) if len(values):
                assert low is None or pc.min(values).as_py() >= low
                assert high is None or pc.max(values).as_py() <= high
            case Money(low=low) if len(values):
                assert low is None or pc.min(values).as_py() >= low


@TABLES
def test_records_come_in_the_order_in_which_they_became_known(table: Table) -> None:
    found = records(world(), table)
    versioned = [table.versioned_by] if table.versioned_by else []
    known = found.select([*table.known_at, *versioned]).to_pandas().max(axis=1)
    assert known.is_monotonic_increasing


@TABLES
def test_what_never_changes_is_the_same_in_all_versions(table: Table) -> None:
    fixed = table.fixed or table.key
    found = records(world(), table)
    assert found.group_by(list(fixed)).aggregate([]).num_rows == found.group_by(list(table.key)).aggregate([]).num_rows


def test_records_refer_to_trials_and_follow_their_start() -> None:
    some = world()
    for declared in (EVENTS, SUBSCRIPTIONS, TOUCHES, ASSIGNMENTS, CONTACTS):
        moment = declared.known_at[0]
        joined = (
            records(some, declared)
            .select(["trial_id", moment])
            .rename_columns(["trial_id", "moment"])
            .join(some.trials.select(["trial_id", "started_at"]), "trial_id", join_type="left outer")
        )
        assert joined["started_at"].null_count == 0
        assert pc.all(pc.less_equal(joined["started_at"], joined["moment"])).as_py()


def bought(some: World) -> int:
    return len(some.subscriptions["trial_id"].unique())


def test_thirty_five_in_a_hundred_convert_where_nobody_is_touched() -> None:
    some = world(touches=False)
    assert some.touches.num_rows == some.assignments.num_rows == 0
    assert bought(some) / some.trials.num_rows == pytest.approx(0.35, abs=0.015)
    assert pc.mean(some.truth["probability"]).as_py() == pytest.approx(0.35, abs=1e-6)


def test_business_as_usual_converts_a_little_more() -> None:
    some = world()
    assert bought(some) / some.trials.num_rows == pytest.approx(pc.mean(some.truth["probability"]).as_py(), abs=0.015)


def test_the_truth_is_about_every_trial_and_in_no_raw_table() -> None:
    some = world()
    assert some.truth["trial_id"].equals(some.trials["trial_id"])
    of_truth = {*some.truth.column_names} - {"trial_id", "currency"}
    assert not of_truth & {name for table in RAW_TABLES for name in table.names}


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    small = parameters(trials=300)
    assert simulate(small) == simulate(small)
    assert simulate(small) != simulate(parameters(trials=300, seed=6))


@pytest.mark.parametrize("until", [date(2026, 1, 6), date(2026, 3, 17), date(2026, 6, 20)])
def test_a_world_up_to_an_earlier_day_is_the_world_cut_at_that_day(until: date) -> None:
    dirty = {"trials": 2_000, "again_share": 0.02, "damaged_share": 0.2}
    cut = world(**dirty).known_before(datetime(until.year, until.month, until.day, tzinfo=UTC))
    assert simulate(parameters(**dirty, until=until)) == cut
    assert 0 < cut.trials.num_rows < 2_000


@TABLES
def test_what_became_known_later_does_not_exist(table: Table) -> None:
    moment = datetime(2026, 3, 17, tzinfo=UTC)
    found = records(world(trials=2_000).known_before(moment), table)
    assert found.num_rows > 0
    assert all(pc.all(pc.less(found[name], moment)).as_py() for name in table.known_at)


def test_the_newest_trials_are_still_running() -> None:
    moment = datetime(2026, 3, 17, tzinfo=UTC)
    some = world(trials=2_000).known_before(moment)
    age = np.datetime64(moment.replace(tzinfo=None)) - some.trials["started_at"].to_numpy()
    assert (age < np.timedelta64(14, "D")).mean() > 0.1

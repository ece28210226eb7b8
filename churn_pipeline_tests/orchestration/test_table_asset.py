from dataclasses import replace

import dagster as dg
import pytest

from churn_pipeline.contracts.spec import Column, Counts, Door, Integer, OneOf, Real, Table, Text
from churn_pipeline.contracts.tables import TABLES
from churn_pipeline.orchestration.days import DAYS
from churn_pipeline.orchestration.table_asset import columns, kinds_of, raw_name, table_asset, table_spec, type_name

PARROTS = Table(
    "parrots",
    "A parrot.",
    key=("name",),
    columns=(
        Column("name", Text(), "Its name."),
        Column("age", Integer(0), "Its age.", null=True, absent="not known", unit="years"),
    ),
)


@table_asset(PARROTS, group="birds", deps=("eggs",), owner="team:zoo", code_version="3")
def parrots() -> dg.MaterializeResult:  # type: ignore[type-arg] # the result carries no value
    """Counted at dawn."""
    return dg.MaterializeResult(metadata={"dagster/row_count": 2})


def test_an_asset_says_what_the_table_is_and_how_it_is_made() -> None:
    (spec,) = parrots.specs
    assert spec.key == dg.AssetKey("parrots")
    assert spec.description == "A parrot.\n\nCounted at dawn."
    assert (spec.group_name, list(spec.owners), spec.code_version) == ("birds", ["team:zoo"], "3")
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey("eggs")]
    assert spec.partitions_def == DAYS
    assert spec.metadata["dagster/table_name"] == "analytics.parrots"


def test_the_columns_in_the_ui_are_the_declared_ones() -> None:
    name, age = columns(PARROTS).columns
    assert (name.name, name.type, name.description) == ("name", "text", "Its name.")
    assert (name.constraints.unique, name.constraints.nullable) == (True, False)
    assert name.constraints.other == ["part of the key"]
    assert age.description == "Its age. Unit: years. Null: not known."
    assert (age.constraints.unique, age.constraints.nullable, age.constraints.other) == (False, True, [])


def test_one_column_of_a_longer_key_is_not_unique() -> None:
    pair = replace(PARROTS, key=("name", "cage"), columns=(*PARROTS.columns, Column("cage", Text(), "Where.")))
    assert [c.name for c in columns(pair).columns if c.constraints.unique] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_declared_type_has_a_word(table: Table) -> None:
    assert all(column.type for column in columns(table).columns)
    assert type_name(OneOf(("a", "b"))) == "a | b"
    assert (type_name(Counts()), type_name(Real())) == ("map", "double")


def test_badges_say_where_a_table_lives() -> None:
    assert kinds_of(PARROTS) == {"postgres", "table"}
    assert kinds_of(replace(PARROTS, door=Door.LAKE)) == {"duckdb", "parquet"}


def test_one_of_several_tables_of_a_step_is_described_the_same_way() -> None:
    lake = replace(PARROTS, door=Door.RAW)
    spec = table_spec(lake, group="birds", name=raw_name(lake), deps=["eggs"])
    assert spec.key == dg.AssetKey("raw_parrots")
    assert (spec.description, spec.group_name) == ("A parrot.", "birds")
    assert spec.metadata["dagster/table_name"] == "lake: parrots"
    assert spec.metadata["dagster/column_schema"] == columns(PARROTS)


@pytest.mark.flow
def test_a_materialization_of_a_day_keeps_the_columns_beside_its_row_count() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([parrots], partition_key="2024-05-01", instance=instance).success
        event = instance.get_latest_materialization_event(dg.AssetKey("parrots"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2024-05-01"
    assert event.asset_materialization.metadata["dagster/row_count"].value == 2

from __future__ import annotations

import dataclasses

import pytest

from churn_pipeline.contracts.derive import ddl
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import (
    Column,
    Counts,
    Flag,
    Instant,
    Integer,
    Json,
    Money,
    OneOf,
    Real,
    Table,
    Text,
    Type,
    View,
)

MADE_UP = Table(
    "visits",
    "One visit of the reader's garden.",
    key=("visit_id",),
    ordered=(("came_at", "left_at"),),
    columns=(
        Column("visit_id", Text(low=1, high=8), "The visit."),
        Column("came_at", Instant(), "When."),
        Column("left_at", Instant(), "Until when.", null=True, absent="still there"),
        Column("guests", Integer(1, 9), "How many.", unit="people"),
        Column("mood", OneOf(("good", "it's fine")), "How they felt."),
    ),
)


def renamed(table: Table, old: str, new: str) -> Table:
    """The same table with one edit to its declaration: a column's name."""
    columns = tuple(dataclasses.replace(c, name=new) if c.name == old else c for c in table.columns)
    return dataclasses.replace(table, columns=columns)


@pytest.mark.parametrize(
    ("declared", "type_", "rule"),
    [
        (Text(), "text", ""),
        (Text(high=5), "text", 'char_length("x") <= 5'),
        (Text(low=1, high=5), "text", 'char_length("x") >= 1 and char_length("x") <= 5'),
        (Text(pattern="[A-Z]{2}"), "text", "\"x\" ~ '^(?:[A-Z]{2})$'"),
        (Integer(), "bigint", ""),
        (Integer(0, 3), "bigint", '"x" >= 0 and "x" <= 3'),
        (Real(), "double precision", "\"x\" > '-Infinity' and \"x\" < 'Infinity'"),
        (Real(0), "double precision", '"x" >= 0 and "x" < \'Infinity\''),
        (Money(0), "numeric(18, 4)", '"x" >= 0'),
        (Money(), "numeric(18, 4)", ""),
        (Instant(), "timestamptz", ""),
        (Flag(), "boolean", ""),
        (OneOf(("a", "b's")), "text", "\"x\" in ('a', 'b''s')"),
        (Json(), "json", ""),
    ],
)
def test_a_type_and_its_bounds(declared: Type, type_: str, rule: str) -> None:
    assert ddl.postgres_type(declared) == type_
    assert ddl.allowed(Column("x", declared, "X.")) == rule


def test_what_is_for_the_lake_has_no_place() -> None:
    with pytest.raises(TypeError, match="for tables of the lake"):
        ddl.postgres_type(Counts())


def test_a_table_is_made_with_its_rules_its_key_and_its_comments() -> None:
    made, *comments = ddl.create(MADE_UP, "garden")
    assert made == (
        'create table if not exists "garden"."visits" (\n'
        '  "visit_id" text not null,\n'
        '  "came_at" timestamptz not null,\n'
        '  "left_at" timestamptz,\n'
        '  "guests" bigint not null,\n'
        '  "mood" text not null,\n'
        '  constraint "visit_id_allowed" check (char_length("visit_id") >= 1 and char_length("visit_id") <= 8),\n'
        '  constraint "guests_allowed" check ("guests" >= 1 and "guests" <= 9),\n'
        "  constraint \"mood_allowed\" check (\"mood\" in ('good', 'it''s fine')),\n"
        '  constraint "came_at_not_after_left_at" check ("came_at" <= "left_at"),\n'
        '  constraint "visits_key" primary key ("visit_id")\n'
        ")"
    )
    assert comments == [
        "comment on table \"garden\".\"visits\" is 'One visit of the reader''s garden.'",
        'comment on column "garden"."visits"."visit_id" is \'The visit.\'',
        'comment on column "garden"."visits"."came_at" is \'When.\'',
        'comment on column "garden"."visits"."left_at" is \'Until when. Null: still there.\'',
        'comment on column "garden"."visits"."guests" is \'How many. Unit: people.\'',
        'comment on column "garden"."visits"."mood" is \'How they felt.\'',
    ]


def test_an_append_only_table_gets_its_trigger() -> None:
    ledger = dataclasses.replace(MADE_UP, append_only=True)
    assert ddl.create(ledger, "garden")[-1] == (
        'create trigger append_only before update or delete or truncate on "garden"."visits" '
        'for each statement execute function "garden".refuse_to_change()'
    )
    assert "language plpgsql" in ddl.refusal("garden")


def test_a_view_names_its_columns_and_comments_them() -> None:
    view = View("visits_latest", "The newest.", of=MADE_UP, per="visit_id", at="came_at")
    made, *comments = ddl.create_view(view, "garden")
    assert (
        'select distinct on ("visit_id") "visit_id", "came_at", "left_at", "guests", "mood" from "garden"."visits"'
        in made
    )
    assert len(comments) == 1 + len(MADE_UP.columns)


def test_a_view_that_is_there_keeps_the_order_of_its_columns_and_is_dropped_only_where_it_loses_one() -> None:
    view = View("visits_latest", "The newest.", of=MADE_UP, per="visit_id", at="came_at")
    made, *_ = ddl.create_view(view, "garden", there=("mood", "visit_id"))
    assert made.startswith('create or replace view "garden"."visits_latest" as select')
    assert '"mood", "visit_id", "came_at", "left_at", "guests" from' in made
    dropped, made, *_ = ddl.create_view(view, "garden", there=("weather", "visit_id"))
    assert dropped == 'drop view "garden"."visits_latest"'
    assert '"visit_id", "came_at", "left_at", "guests", "mood" from' in made


def test_evolving_names_what_is_new_and_what_is_gone() -> None:
    told = "\n".join(ddl.evolve(MADE_UP, "garden", there=("visit_id", "came_at", "weather"), rules=("old_rule",)))
    assert 'drop constraint "old_rule"' in told
    assert 'add column "guests" bigint' in told
    assert 'add column "visit_id"' not in told
    assert 'alter column "weather" drop not null' in told
    assert "\"weather\" is 'No longer written.'" in told
    assert 'constraint "guests_required" check ("guests" is not null) not valid' in told
    assert '"left_at_required"' not in told


def test_renaming_a_column_is_one_edit() -> None:
    now = renamed(MADE_UP, "guests", "people")
    told = "\n".join(ddl.create(now, "garden"))
    assert "guests" not in told
    assert '"people" bigint not null' in told
    assert '"people_allowed" check ("people" >= 1 and "people" <= 9)' in told
    assert "\"people\" is 'How many. Unit: people.'" in told
    assert arrow_schema(now).names == ["visit_id", "came_at", "left_at", "people", "mood"]
    assert ddl.create(renamed(now, "people", "guests"), "garden") == ddl.create(MADE_UP, "garden")

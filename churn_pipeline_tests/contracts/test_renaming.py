"""Renaming a column is one edit: everything that is derived from the declaration follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from churn_pipeline.capabilities.validation.suite import suite
from churn_pipeline.contracts.derive import ddl
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.derive.dictionary import table_text
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.derive.rules import all_rules
from churn_pipeline.contracts.spec import Column, Door, Instant, Integer, OneOf, Table, Text, View

# Great Expectations and Dagster are imported
pytestmark = pytest.mark.flow


def parrots(seen: str) -> Table:
    """A made-up table with a column of every role, one of which is named here and nowhere else."""
    moment = Column(seen, Instant(), "When it was seen.")
    return Table(
        "parrots",
        "A parrot.",
        door=Door.RAW,
        key=("parrot_id", moment.name),
        known_at=(moment.name,),
        versioned_by=moment.name,
        ordered=((moment.name, "died_at"),),
        fixed=(moment.name,),
        columns=(
            Column("parrot_id", Text(low=1, high=9), "Its id."),
            moment,
            Column("died_at", Instant(), "When it died.", null=True, absent="alive"),
            Column("age", Integer(0, 99), "Its age.", null=True, absent="not known"),
            Column("colour", OneOf(("red", "green")), "Its colour."),
        ),
    )


def _dagster_columns(table: Table) -> str:
    from churn_pipeline.orchestration.table_asset import columns

    return repr(columns(table))


DERIVED: dict[str, Callable[[Table], Any]] = {
    "DDL with rules, comments and view": lambda table: [
        *ddl.create(table, "s"),
        *ddl.evolve(table, "s", there=(), rules=()),
        *ddl.create_view(View("newest", "The newest.", of=table, per="parrot_id", at=table.known_at[0]), "s"),
    ],
    "Arrow schema": lambda table: arrow_schema(table).to_string(),
    "row rules": lambda table: all_rules(table, read_at=datetime(2024, 5, 1, tzinfo=UTC)),
    "Great Expectations suite": lambda table: suite(table, max_bad_share=0.1).to_json_dict()["expectations"],
    "Dagster column schema": _dagster_columns,
    "data dictionary": table_text,
    "reading SQL": lambda table: [read_as(column.type, f'"{column.name}"') for column in table.columns],
}


@pytest.mark.parametrize("derive", DERIVED.values(), ids=DERIVED)
def test_every_derivation_follows_a_rename_made_in_one_place(derive: Callable[[Table], Any]) -> None:
    before, after = (_words(derive(parrots(name))) for name in ("seen_at", "spotted_at"))
    assert "seen_at" in before
    assert "seen_at" not in after
    assert after == before.replace("seen_at", "spotted_at")


def _words(derived: Any) -> str:
    """What was derived as one text, without the ids that Great Expectations draws."""
    if isinstance(derived, list):
        derived = [{k: v for k, v in one.items() if k != "id"} if isinstance(one, dict) else one for one in derived]
    return derived if isinstance(derived, str) else "\n".join(map(str, derived))

from __future__ import annotations

import pytest

from churn_pipeline.contracts.spec import Column, Instant, Table, Text

NAME = Column("name", Text(), "Its name.")
AGE = Column("age", Text(), "Its age.", null=True, absent="not known")


def test_a_table_lists_its_columns_in_order_and_gives_them_by_name() -> None:
    table = Table("parrots", "A parrot.", (NAME, AGE), key=("name",))
    assert table.names == ("name", "age")
    assert table.column("age") is AGE
    with pytest.raises(KeyError, match="table parrots has no column wings; it has: name, age"):
        table.column("wings")


def test_everything_wrong_with_a_declaration_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="table parrots: ") as refused:
        Table(
            "parrots",
            "A parrot.",
            (NAME, NAME, AGE),
            key=("age", "colour"),
            known_at=("seen_at",),
            versioned_by="updated_at",
            fixed=("beak",),
            ordered=(("hatched_at", "died_at"),),
        )
    said = str(refused.value)
    assert "column name is declared twice" in said
    assert "key column age may not be null" in said
    for unknown in ("colour", "seen_at", "updated_at", "beak", "hatched_at", "died_at"):
        assert f"{unknown} is named by the key or a rule, but is no column" in said


def test_a_declaration_cannot_be_changed_after_it_was_made() -> None:
    with pytest.raises(AttributeError):
        Column("at", Instant(), "When.").name = "when"  # type: ignore[misc] # frozen: that is what is tested

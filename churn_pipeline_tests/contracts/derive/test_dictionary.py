from __future__ import annotations

import pytest

from churn_pipeline.contracts.derive.dictionary import dictionary, features_text, table_text, type_text
from churn_pipeline.contracts.features.catalogue import FEATURES, LEARNT, NAMED
from churn_pipeline.contracts.features.feature import Feature, Grain
from churn_pipeline.contracts.spec import (
    Column,
    Door,
    Instant,
    Integer,
    Json,
    Money,
    OneOf,
    Presence,
    Privacy,
    Real,
    Table,
    Text,
    Type,
)
from churn_pipeline.contracts.tables import TABLES

PARROTS = Table(
    "parrots",
    "A parrot.",
    door=Door.RAW,
    presence=Presence.FOR_TRAINING,
    key=("name",),
    known_at=("seen_at",),
    append_only=True,
    columns=(
        Column("name", Text(low=1, high=9), "Its name | nickname.", privacy=Privacy.PERSONAL),
        Column("age", Integer(0, 99), "Its age.", null=True, absent="not known", unit="years"),
        Column("seen_at", Instant(), "When it was seen."),
    ),
)


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (Integer(0, 99), "integer 0..99"),
        (Integer(1), "integer >= 1"),
        (Real(high=0.5), "double <= 0.5"),
        (Real(), "double"),
        (Money(0), "decimal >= 0"),
        (OneOf(("a", "b")), "`a` or `b`"),
        (Text(pattern="[A-Z]{2}"), "text like `[A-Z]{2}`"),
        (Text(low=1, high=9), "text of 1..9 characters"),
        (Text(), "text"),
        (Json(), "JSON text"),
    ],
)
def test_a_type_is_told_with_its_bounds(type_: Type, words: str) -> None:
    assert type_text(type_) == words


def test_a_table_tells_key_presence_moment_and_each_column() -> None:
    text = table_text(PARROTS)
    assert "### parrots" in text
    assert "Key: `name`. Presence: for training. Known at: the later of `seen_at`. Append-only." in text
    assert r"| name | text of 1..9 characters | no | Its name \| nickname. (personal) |" in text
    assert "| age | integer 0..99 | yes: not known | Its age. Unit: years. |" in text


def test_a_feature_tells_its_window_and_what_it_and_its_grain_need() -> None:
    users = Grain("users", key="user_id", needs=("events.user_id",))
    event = Feature("e", "f", "M.", "1", "", over=users, window="3 d", absent="nothing", also_needs=("events.value",))
    trial = Feature("t", "f", "M.", "1", "", window="")
    text = features_text([event, trial], [], [])
    assert "| `e` | f |  | 3 d | M. | nothing | `events.user_id`, `events.value` |" in text
    assert "| `t` | f |  |  | M. | never |  |" in text


def test_the_whole_dictionary_names_every_table_column_and_feature_once() -> None:
    text = dictionary(TABLES, FEATURES, NAMED, LEARNT)
    for table in TABLES:
        assert text.count(f"### {table.name}\n") == 1
        assert all(f"| {column} |" in text for column in table.names)
    assert all(f"| `{feature.name}` |" in text for feature in FEATURES)
    assert all(f"| `{feature.name}_<steps>` |" in text for feature in LEARNT)
    widths = {line.count("|") - line.count(r"\|") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {5, 8}

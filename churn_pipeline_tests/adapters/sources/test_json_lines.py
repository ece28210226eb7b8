from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.sources.json_lines import read_objects

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
values = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), texts, st.lists(texts, max_size=2))


def read(lines: list[str]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The keys, and line, fields and why not of each row."""
    connection = duckdb.connect()
    numbered = pa.table(
        {"line": range(1, len(lines) + 1), "text": lines, "wrong": pa.nulls(len(lines), pa.string())},
    )
    connection.register("given", numbered)
    connection.execute("create temp table l as select line, text, wrong from given")
    keys = read_objects(connection, "l", into="r").columns
    return keys, connection.execute("select line, fields, wrong from r order by line").fetchall()


def test_keys_come_in_the_order_in_which_they_first_appear() -> None:
    assert read(['{"b": 1}', '{"a": 2, "b": 3, "c": null}']) == (
        ("b", "a", "c"),
        [(1, ["1", None, None], None), (2, ["3", "2", None], None)],
    )


def test_a_byte_order_mark_is_no_part_of_the_first_object() -> None:
    assert read(['\ufeff{"a": 1}'])[0] == ("a",)


def test_lines_without_any_object_have_no_keys() -> None:
    assert read(["[1]", "x"]) == ((), [(1, None, "is no JSON object"), (2, None, "is no JSON object")])


@pytest.mark.flow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(texts, values, max_size=4), min_size=1, max_size=4))
def test_what_a_json_writer_wrote_is_read_back(rows: list[dict[str, Any]]) -> None:
    keys, found = read([json.dumps(row) for row in rows])
    assert set(keys) == {key for row in rows for key in row}
    for row, (_, fields, wrong) in zip(rows, found, strict=True):
        assert wrong is None
        for key, text in zip(keys, fields, strict=True):
            value = row.get(key)
            assert (text if value is None or isinstance(value, str) else json.loads(text)) == value

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.cli.repaired import QuarantineError, compact, raw, table_of


@pytest.mark.parametrize("name", ["events.csv", "events-fixed.jsonl", "events-2024-05.csv.gz", "events.parquet"])
def test_a_file_is_of_the_table_that_it_is_called_after(name: str) -> None:
    assert table_of(Path("somewhere") / name) == "events"


def test_a_file_of_another_name_needs_its_table_said() -> None:
    with pytest.raises(QuarantineError, match=r"do: add --table, or call it trials\.csv"):
        table_of(Path("fixed.csv"))


def test_a_row_that_nobody_touched_is_written_as_it_was_kept() -> None:
    assert compact({"a": "é", "b": None}) == '{"a":"é","b":null}'


def test_of_a_line_that_could_not_be_read_no_column_is_known() -> None:
    assert raw({"rule": "unreadable_line", "raw_row": '{"unreadable":"a,b"}'}) == {}
    assert raw({"rule": "null_x", "raw_row": '{"x":""}'}) == {"x": ""}

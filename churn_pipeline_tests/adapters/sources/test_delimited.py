from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.sources.delimited import Dialect, read_rows
from churn_pipeline.adapters.sources.lines import read_lines


def read(path: Path, content: bytes, dialect: Dialect | None = None) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Header names and rows (line, fields, text, wrong) of a file with that content."""
    path.write_bytes(content)
    connection = duckdb.connect()
    read_lines(connection, path, "utf-8", into="lines")
    names = read_rows(connection, "lines", dialect or Dialect(), into="r").columns
    return names, connection.execute("select line, fields, text, wrong from r order by line").fetchall()


def fields(rows: list[tuple[Any, ...]]) -> dict[int, list[str]]:
    return {row[0]: row[1] for row in rows if row[1] is not None}


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    _, rows = read(tmp_path / "f", b'a,b\n1,2\n3,"4\n5,6\n"7",8\n')
    assert fields(rows) == {2: ["1", "2"], 4: ["5", "6"], 5: ["7", "8"]}
    assert rows[1] == (3, None, '3,"4', "a quote is opened and not closed")


def test_line_numbers_survive_blank_lines_quoted_breaks_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    _, rows = read(tmp_path / "f", b'a,b\r\n\r\n1,"2\r\n3"\r\n\xff,4\r\nx,y\n\n\nu,v')
    assert fields(rows) == {3: ["1", "2\n3"], 6: ["x", "y"], 9: ["u", "v"]}
    assert [row[0] for row in rows if row[1] is None] == [5]


def test_doubled_quotes_delimiters_in_quotes_and_quotes_inside_bare_fields(tmp_path: Path) -> None:
    _, rows = read(tmp_path / "f", b'a,b\n"x,""y""",5"6\n"",\n')
    assert fields(rows) == {2: ['x,"y"', '5"6'], 3: ["", ""]}


def test_another_delimiter_blanks_and_no_header(tmp_path: Path) -> None:
    assert fields(read(tmp_path / "p", b"a|b\n1|2\n", Dialect("|"))[1]) == {2: ["1", "2"]}
    assert fields(read(tmp_path / "w", b"  a  b\r\n 1\t  2 \r\n", Dialect("whitespace"))[1]) == {2: ["1", "2"]}
    assert fields(read(tmp_path / "n", b"1,2\n", Dialect(names=("a", "b")))[1]) == {1: ["1", "2"]}


def test_byte_order_mark_empty_file_header_only_and_nameless_columns(tmp_path: Path) -> None:
    assert read(tmp_path / "b", b"\xef\xbb\xbfa,b\n") == (("a", "b"), [])
    assert read(tmp_path / "e", b"") == ((), [])
    assert read(tmp_path / "x", b"a,,\n")[0] == ("a", "column_2", "column_3")


texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0\x01\x02\x03\x04", exclude_categories=["Cs", "Cc"]), max_size=8
)
cells = st.one_of(texts, st.sampled_from(['"', '""', ",", "a\nb", 'x,"\n"', " "]))


@pytest.mark.flow
@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.tuples(cells, cells, cells), max_size=6))
def test_what_a_csv_writer_wrote_is_read_back(table: list[tuple[str, str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(table)
    with tempfile.TemporaryDirectory() as folder:
        _, rows = read(Path(folder) / "f", out.getvalue().encode())
    assert [tuple(row[1]) for row in rows] == table

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from churn_pipeline.adapters.sources import delimited, files
from churn_pipeline.adapters.sources.files import read_file
from churn_pipeline.adapters.sources.mapping import Files
from churn_pipeline.adapters.sources.reading import Apart, RowLawError, SourceFile

LINES = b"a,b\n1,x\n2,y\n"
OBJECTS = b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'


def read(path: Path, **spec: Any) -> tuple[SourceFile, list[dict[str, Any]]]:
    """The fact of a file, and its rows."""
    connection = duckdb.connect(config={"temp_directory": str(path.parent / "spill")})
    rows = read_file(connection, path, path.name, Files(patterns=("*",), **spec), view="v")
    if rows.fact.problem:
        return rows.fact, []
    found = connection.execute("select * from v order by _line").fetchall()
    return rows.fact, [dict(zip([c[0] for c in connection.description], row, strict=True)) for row in found]


def packed(content: bytes, suffix: str) -> bytes:
    """The content of a file whose name ends so."""
    if suffix == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as out:
            out.write(content)
        return bytes(sink.getvalue())
    return gzip.compress(content, mtime=0) if suffix == ".gz" else content


@pytest.mark.parametrize("wrapper", ["", ".gz", ".zst"])
@pytest.mark.parametrize(("kind", "content"), [(".csv", LINES), (".jsonl", OBJECTS), (".ndjson", OBJECTS)])
def test_text_files_of_every_kind_give_the_same_rows_compressed_or_not(
    kind: str, content: bytes, wrapper: str, tmp_path: Path
) -> None:
    path = tmp_path / f"f{kind}{wrapper}"
    path.write_bytes(packed(content, wrapper))
    fact, rows = read(path)
    assert (fact.problem, fact.rows, fact.columns) == ("", 2, ("a", "b"))
    assert [(row["a"], row["b"]) for row in rows] == [("1", "x"), ("2", "y")]


def test_parquet_gives_them_too(tmp_path: Path) -> None:
    duckdb.connect().execute(f"copy (values (1, 'x'), (2, 'y')) to '{tmp_path}/f.parquet'")
    _, rows = read(tmp_path / "f.parquet")
    assert [(row["col0"], row["col1"], row["_line"]) for row in rows] == [("1", "x", 1), ("2", "y", 2)]


@pytest.mark.parametrize("wrapper", [".gz", ".zst"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: whole[: len(whole) // 2], id="cut in half"),
        pytest.param(lambda whole: whole[:-3], id="cut at the very end"),
        pytest.param(lambda whole: b"", id="without a byte"),
        pytest.param(lambda whole: b"a,b\n1,x\n", id="not compressed at all"),
    ],
)
def test_a_damaged_compressed_file_is_a_fact_and_gives_no_row(wrapper: str, damage: Any, tmp_path: Path) -> None:
    whole = packed(b"a,b\n" + b"".join(b"%d,%s\n" % (n, os.urandom(8).hex().encode()) for n in range(5_000)), wrapper)
    path = tmp_path / f"f.csv{wrapper}"
    path.write_bytes(damage(whole))
    fact, _ = read(path)
    assert fact.problem.startswith("the file is damaged: ")
    assert fact.rows == 0


def test_a_compressed_parquet_file_and_one_that_is_none_are_facts(tmp_path: Path) -> None:
    for name in ("f.parquet", "f.parquet.gz"):
        (tmp_path / name).write_text("hello")
    assert "damaged" in read(tmp_path / "f.parquet")[0].problem
    assert "unpack it" in read(tmp_path / "f.parquet.gz")[0].problem


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 40


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.csv.gz"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "a PNG picture"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(range(256)), "a ZIP archive, as an Excel workbook is, too"),
        (packed(LINES, ".gz"), "compressed by gzip; such a file is called .gz"),
    ],
)
def test_what_is_no_text_is_a_fact_that_says_what_it_is(content: bytes, kind: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(packed(content, Path(name).suffix))
    fact, _ = read(tmp_path / name)
    assert (fact.problem, fact.rows) == (f"it is no text but {kind}", 0)


def test_bytes_that_are_no_text_in_the_encoding_are_told_from_some_that_strayed_into_one(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,b\n" + "1,x\n" * 40, encoding="utf-16-le")
    assert read(tmp_path / "f.csv")[0].problem.startswith("it is no text, at least not in this encoding")
    assert read(tmp_path / "f.csv", encoding="utf-16-le")[0].rows == 40
    (tmp_path / "f.csv").write_bytes(b"PK,b\n" + b"1,\0x\n" * 3 + b"2,y\n" * 300)
    assert read(tmp_path / "f.csv")[0].rows == 303
    (tmp_path / "f.csv").write_bytes(b"a\x01b\n" + b"1\x01x\n" * 40)
    assert read(tmp_path / "f.csv", delimiter="\x01")[0].columns == ("a", "b"), "as Hive writes them"


def test_a_row_keeps_its_line_and_text_and_what_is_no_object_costs_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'{"a": {"k": [1, 2]}, "b": ""}\n\n{"a": \n[1]\n{"b": "z", "c/d~": 1.5}\n')
    fact, rows = read(tmp_path / "f.jsonl")
    assert (fact.rows, fact.unreadable, fact.columns) == (4, 2, ("a", "b", "c/d~"))
    assert [row["_line"] for row in rows] == [1, 3, 4, 5]
    assert (rows[0]["a"], rows[0]["b"]) == ('{"k":[1,2]}', None)
    assert (rows[3]["b"], rows[3]["c/d~"]) == ("z", "1.5")
    assert rows[0]["_raw"] == '{"a": {"k": [1, 2]}, "b": ""}'
    assert (rows[1]["_wrong"], json.loads(rows[1]["_raw"])) == ("is no JSON object", {"unreadable": '{"a": '})


def test_a_reader_that_drops_a_row_is_found_by_the_bytes_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dropping(connection: duckdb.DuckDBPyConnection, lines: str, dialect: Any, *, into: str) -> Apart:
        apart = delimited.read_rows(connection, lines, dialect, into=into)
        connection.execute(f"delete from {into} where line = 3")
        return apart

    (tmp_path / "f.csv").write_bytes(LINES)
    monkeypatch.setattr(files, "read_rows", dropping)
    with pytest.raises(RowLawError, match=r"f\.csv: 2 rows stand in it, 1 were read\n  allowed: .*\n  do: "):
        read(tmp_path / "f.csv")


def test_lines_of_every_kind_are_accounted_for(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b'\xef\xbb\xbf\r\na,b\r\n\n1,"2\r\n\r\n3"\r\n\xff,4\n"open,5\nshort\n  ,\r6,7\n\n')
    assert (read(tmp_path / "f.csv")[0].rows, read(tmp_path / "f.csv")[0].unreadable) == (6, 3)
    (tmp_path / "f.jsonl").write_bytes(b'\xef\xbb\xbf\n \t\n{"a": 1}\n\n[2]\n\xff\n')
    assert (read(tmp_path / "f.jsonl")[0].rows, read(tmp_path / "f.jsonl")[0].unreadable) == (3, 2)


def test_a_copy_that_lacks_rows_of_its_database_is_found(tmp_path: Path) -> None:
    duckdb.connect().execute(f"copy (values (1), (2)) to '{tmp_path}/f.parquet'")
    spec = Files(patterns=("*",))
    with pytest.raises(RowLawError, match="events: 3 rows stand in it, 2 were read"):
        read_file(duckdb.connect(), tmp_path / "f.parquet", "events", spec, view="v", written=3)


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_an_empty_file_is_a_fact(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    assert "empty" in read(tmp_path / name)[0].problem


def test_names_that_cannot_stand_are_facts(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,A,_line\n1,2,3\n")
    assert read(tmp_path / "f.csv")[0].problem == (
        "it names column a more than once (capitals make no difference); column _line has a name that is reserved"
    )

from __future__ import annotations

import gzip
import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.adapters.sources.lines import DamagedFileError, filled_lines, read_lines


def lines(path: Path, content: bytes, encoding: str = "utf-8") -> list[tuple[int, str | None, bool]]:
    """Number, text and whether it could not be read, of each line."""
    path.write_bytes(content)
    connection = duckdb.connect(config={"temp_directory": str(path.parent / "spill")})
    read_lines(connection, path, encoding, into="l")
    return connection.execute("select line, text, wrong is not null from l order by line").fetchall()


@given(st.lists(st.lists(st.sampled_from([b"a", b" ", b"\0", b"\r", b"\n", b"\r\n"]), max_size=5).map(b"".join)))
def test_lines_that_have_a_byte_are_counted_wherever_the_pieces_of_a_file_end(chunks: list[bytes]) -> None:
    assert filled_lines(chunks) == sum(1 for line in re.split(rb"[\r\n]", b"".join(chunks)) if line)


def test_lines_are_numbered_blank_ones_too(tmp_path: Path) -> None:
    assert lines(tmp_path / "f", b"a\n\nb") == [(1, "a", False), (2, None, False), (3, "b", False)]


def test_what_is_no_text_in_its_encoding_costs_its_own_line(tmp_path: Path) -> None:
    assert [(n, bad) for n, _, bad in lines(tmp_path / "f", b"a\n\xff\xfe\xfd\nb\n")] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    found = lines(tmp_path / "g", b"\xe9\n\x81\nb\n", "cp1252")
    assert [(text if not bad else None) for _, text, bad in found] == ["é", None, "b"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "shift_jis", "cp437"])
def test_any_encoding_that_python_knows_is_read_also_compressed(encoding: str, tmp_path: Path) -> None:
    text = "a,ｱ\n" if encoding == "shift_jis" else "a,é\n"
    assert lines(tmp_path / "f.csv", text.encode(encoding), encoding) == [(1, text.strip(), False)]
    assert lines(tmp_path / "f.csv.gz", gzip.compress(text.encode(encoding)), encoding) == [(1, text.strip(), False)]
    assert list((tmp_path / "spill").iterdir()) == []


def test_the_mark_of_utf_16_is_believed(tmp_path: Path) -> None:
    assert lines(tmp_path / "f", "é\n".encode("utf-16")) == [(1, "é", False)]


def test_half_a_character_at_the_end_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="truncated"):
        lines(tmp_path / "f", "é\n".encode("utf-16") + b"x")


def test_a_line_beyond_all_bounds_is_unreadable_and_no_crash(tmp_path: Path) -> None:
    found = lines(tmp_path / "f", b"a\n" + b"x" * 3_000_000 + b"\nb\n")
    assert [bad for _, _, bad in found] == [False, True, False]

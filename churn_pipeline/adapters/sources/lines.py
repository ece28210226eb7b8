"""Text files as numbered lines: compressed or not, in whatever encoding, whole or not at all.

A line that cannot be decoded costs itself and no other. A compressed file that was cut off or damaged is refused as a
whole: the query engine reads a truncated Zstandard file without complaint, so every compressed file is first
decompressed to its end and its checksum.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted

if TYPE_CHECKING:
    import duckdb

NO_DELIMITER = "chr(1) || chr(2) || chr(3) || chr(4)"
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
"""Suffixes of compressed text files, and what Arrow calls them."""
CHUNK = 4 * 1024 * 1024


NO_TEXTS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive, as an Excel workbook is, too",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document",
    b"PAR1": "Parquet; such a file is called .parquet",
    b"\x1f\x8b": "compressed by gzip; such a file is called .gz",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard; such a file is called .zst",
    b"SQLite format 3": "a database of SQLite",
}
"""How files begin that are taken for texts by mistake, if bytes are in them that no text has."""
CONTROL = bytes({*range(32)} - {*b"\t\n\f\r\x1b"})
MOST_CONTROL, LEAST_CONTROL = 0.05, 16
"""Share of control characters above which a file is no text (of random bytes it is a tenth), and how many there are at least: one that
strayed into a text costs its own line."""


class DamagedFileError(Exception):
    """A file cannot be read as a whole; says why."""


class NoTextError(DamagedFileError):
    """A file that is to be a text is none; says what it seems to be."""


def bare_name(path: Path) -> str:
    """The name of a file in small letters, without the suffix of its compression.

    >>> bare_name(Path("a/Events-05.CSV.gz"))
    'events-05.csv'
    """
    lower = path.name.lower()
    return lower.removesuffix(path.suffix.lower()) if path.suffix.lower() in COMPRESSIONS else lower


def first_line(path: Path) -> str:
    """The first line of a text file, as far as it is text; empty where there is none or the file is damaged."""
    try:
        start = next(_bytes(path), b"")
    except OSError:
        return ""
    lines = start.decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    return lines[0] if lines else ""


def read_lines(connection: duckdb.DuckDBPyConnection, path: Path, encoding: str, *, into: str, mark: str = "") -> int:
    """Create temp table `into` of the lines of a file: `line` (from 1), `text` (null: blank), `wrong` (why not readable).

    `mark` is what stands between its values, which may be a control character. Gives how many lines are not blank, counted from the bytes and not by whoever made the table.

    Raises:
        DamagedFileError: the file is damaged as a whole (a truncated gzip, say).
        NoTextError: it is a picture, an archive or the like.
    """
    import duckdb

    try:
        _check_whole(path)
        with _in_utf8(connection, path, encoding) as readable:
            _require_text(next(_bytes(path), b""), next(_bytes(readable), b""), mark=mark)
            _number(connection, readable, into=into)
            return filled_lines(_bytes(readable))
    except (OSError, UnicodeError, duckdb.IOException, duckdb.InvalidInputException) as error:
        raise DamagedFileError(str(error).splitlines()[0]) from error


def filled_lines(chunks: Iterable[bytes]) -> int:
    r"""How many lines of a text in UTF-8 have a byte at least, whichever way their ends are written.

    >>> filled_lines([b"\xef\xbb\xbfa\r", b"\nb", b"c\n\n\nd"])
    3
    """
    import numpy as np

    lines, ended = 0, True
    for number, chunk in enumerate(chunks):
        text = np.frombuffer(chunk.removeprefix(codecs.BOM_UTF8) if not number else chunk, np.uint8)
        if text.size:
            end = (text == ord("\n")) | (text == ord("\r"))
            lines += int(np.count_nonzero(end[:-1] & ~end[1:])) + int(ended and not end[0])
            ended = bool(end[-1])
    return lines


def _require_text(start: bytes, as_utf8: bytes, *, mark: str) -> None:
    """Return if the beginning of a file, as it is and in UTF-8, is that of a text with this between its values."""
    strange = CONTROL.translate(None, delete=mark.encode())
    control = len(as_utf8) - len(as_utf8.translate(None, delete=strange))
    for begins, kind in NO_TEXTS.items():
        if control and start.startswith(begins):
            raise NoTextError(f"it is no text but {kind}")
    if control > max(MOST_CONTROL * len(as_utf8), LEAST_CONTROL):
        raise NoTextError(
            "it is no text, at least not in this encoding (a mapping names another by `encoding`, utf-16-le say): "
            f"{control / len(as_utf8):.0%} of its first characters are no letters, digits or signs"
        )


def _check_whole(path: Path) -> None:
    """Decompress to the end, so that what was cut off or changed is seen before a line of it is used."""
    if path.suffix.lower() in COMPRESSIONS:
        if path.stat().st_size == 0:
            raise DamagedFileError("it has no bytes, and a compressed file has some even where it holds nothing")
        for _ in _bytes(path):
            pass


def _bytes(path: Path) -> Iterator[bytes]:
    import pyarrow as pa

    compression = COMPRESSIONS.get(path.suffix.lower())
    with pa.input_stream(str(path), compression=compression) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


@contextmanager
def _in_utf8(connection: duckdb.DuckDBPyConnection, path: Path, encoding: str) -> Iterator[Path]:
    """The file itself if it is UTF-8, else a copy that is; bytes that are no text stay what they are.

    A file that begins with the mark of UTF-16 is UTF-16, whatever was said.
    """
    start = next(_bytes(path), b"")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        yield path
        return
    (spill,) = connection.execute("select current_setting('temp_directory')").fetchone() or ("",)
    Path(spill).mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(prefix="utf8-", suffix=".txt", dir=spill) as copy:
        decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
        for chunk in _bytes(path):
            copy.write(decoder.decode(chunk).encode("utf-8", "surrogateescape"))
        copy.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
        copy.flush()
        yield Path(copy.name)


def _number(connection: duckdb.DuckDBPyConnection, path: Path, *, into: str) -> None:
    (delimiter,) = connection.execute(f"select {NO_DELIMITER}").fetchone() or ("",)
    connection.execute(
        f"create or replace temp table {into} as select row_number() over () as line, text, null::varchar as wrong "
        f"from read_csv({quoted(path)}, delim = {quoted(delimiter)}, quote = '', escape = '', comment = '', "
        "header = false, skip = 0, auto_detect = false, columns = {'text': 'VARCHAR'}, strict_mode = false, "
        "encoding = 'utf-8', ignore_errors = true, store_rejects = true, "
        f"rejects_table = {quoted(into + '_errors')}, rejects_scan = {quoted(into + '_scans')})"
    )
    connection.execute(
        f"create or replace temp table {into}_bad as select line::bigint as line, trim(any_value(csv_line), chr(10) || chr(13)) "
        f"as text, any_value(error_message) as wrong from {into}_errors group by line"
    )
    (bad,) = connection.execute(f"select count(*) from {into}_bad").fetchone() or (0,)
    if bad:
        _put_back(connection, into)
    connection.execute(f"drop table {into}_errors; drop table {into}_scans; drop table {into}_bad")


def _put_back(connection: duckdb.DuckDBPyConnection, lines: str) -> None:
    """Give the lines their true numbers: the reader does not count those that it could not decode."""
    connection.execute(
        f"create or replace temp table {lines} as with bad as (select *, row_number() over (order by line) as rank from {lines}_bad) "
        f"select good.line + coalesce(bad.rank, 0) as line, good.text, null::varchar as wrong from {lines} as good "
        "asof left join bad on good.line > bad.line - bad.rank "
        "union all select line, text, wrong from bad"
    )

"""Delimited text, line by line: what cannot be read costs its own line and no other.

A general CSV reader that meets a stray quote swallows the good lines after it. Here the file is read as lines, each
line is taken apart by itself (RFC 4180), and only a line that ends inside a quoted field is joined with the lines
after it, if that gives a whole row. So line numbers are exact and damage stays where it is. Everything happens inside
the query engine; 1 M quoted lines of ten fields take about 4 s on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.sources.reading import Apart

if TYPE_CHECKING:
    import duckdb

LONGEST_RECORD = 50
"""Lines that one record may span."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the text is written. `names` are the columns of files without a header."""

    delimiter: str = ","
    names: tuple[str, ...] = ()


def read_rows(connection: duckdb.DuckDBPyConnection, lines: str, dialect: Dialect, *, into: str) -> Apart:
    """Create temp table `into` of the rows in table `lines`, and give the names of their columns (none: no line at all).

    Columns of `into`: `line` (first line of the row, from 1), `fields` (texts in order; null: not readable), `text`
    (the line itself, where not readable), `wrong` (why not).
    """
    first = 0
    names = dialect.names
    if not names:
        header = connection.execute(
            f"select line, {_fields('text', dialect)} from {lines} where text is not null order by line limit 1"
        ).fetchone()
        first, names = (header[0], _names(header[1] or [])) if header else (0, ())
    _take_apart(connection, lines, dialect, len(names), first, into=into)
    joined = _join_quoted_breaks(connection, lines, dialect, len(names), into=into)
    return Apart(names, joined + (first > 0))


def _take_apart(
    connection: duckdb.DuckDBPyConnection, lines: str, dialect: Dialect, width: int, first: int, *, into: str
) -> None:
    connection.execute(
        f"create or replace temp table {into} as with parts as (select line, text, "
        f"case when wrong is null then {_fields('text', dialect)} end as fields, wrong "
        f"from {lines} where line > {first} and text is not null) "
        f"select line, case when len(fields) = {width} then fields end as fields, "
        f"case when fields is null or len(fields) <> {width} then text end as text, "
        "case when wrong is not null then wrong when fields is null then 'a quote is opened and not closed' "
        f"when len(fields) <> {width} then 'has ' || len(fields) || ' fields, the header has {width}' end as wrong, "
        "fields is null and wrong is null as open from parts"
    )


def _join_quoted_breaks(
    connection: duckdb.DuckDBPyConnection, lines: str, dialect: Dialect, width: int, *, into: str
) -> int:
    """Join lines that one quoted field spans; of overlapping candidates the first wins, as in any CSV reader.

    Gives how many lines that are not blank went into a row that began before them.
    """
    joined = 0
    (opened,) = connection.execute(f"select count(*) from {into} where open").fetchone() or (0,)
    if opened:
        spans = connection.execute(
            "with spans as (select opened.line as first, lines.line as last, string_agg(coalesce(lines.text, ''), chr(10)) "
            f"over (partition by opened.line order by lines.line) as text from {into} as opened join {lines} as lines "
            f"on lines.line between opened.line and opened.line + {LONGEST_RECORD - 1} where opened.open) "
            f"select first, last from spans where last > first and len({_fields('text', dialect)}) = {width} "
            "qualify row_number() over (partition by first order by last) = 1 order by first"
        ).fetchall()
        joined = _replace_spans(connection, lines, dialect, _apart(spans), into=into)
    connection.execute(f"alter table {into} drop column open")
    return joined


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans that do not begin inside an earlier one.

    >>> _apart([(1, 3), (3, 5), (7, 8)])
    [(1, 3), (7, 8)]
    """
    kept: list[tuple[int, int]] = []
    for first, last in spans:
        if not kept or first > kept[-1][1]:
            kept.append((first, last))
    return kept


def _replace_spans(
    connection: duckdb.DuckDBPyConnection, lines: str, dialect: Dialect, spans: list[tuple[int, int]], *, into: str
) -> int:
    connection.execute(
        f"create or replace temp table {into}_spans as select unnest(?::bigint[]) as first, unnest(?::bigint[]) as last",
        [[first for first, _ in spans], [last for _, last in spans]],
    )
    connection.execute(
        f"create or replace temp table {into}_joined as select first, any_value(last) as last, "
        "string_agg(coalesce(text, ''), chr(10) order by line) as text, count(text) as filled "
        f"from {into}_spans join {lines} on line between first and last group by first"
    )
    connection.execute(f"delete from {into} using {into}_spans where line between first and last")
    connection.execute(
        f"insert into {into} select first, {_fields('text', dialect)}, null, null, false from {into}_joined"
    )
    (joined,) = connection.execute(f"select coalesce(sum(filled - 1), 0) from {into}_joined").fetchone() or (0,)
    connection.execute(f"drop table {into}_spans; drop table {into}_joined")
    return int(joined)


def _fields(text: str, dialect: Dialect) -> str:
    """SQL: the fields of a line, or null if it ends inside a quoted field."""
    if dialect.delimiter == "whitespace":
        return rf"string_split(regexp_replace(trim({text}, ' ' || chr(9) || chr(13)), '\s+', ' ', 'g'), ' ')"
    mark = dialect.delimiter
    apart = "\\" + mark if not mark.isalnum() else mark
    field = f'"(?:[^"]|"")*"|[^"{apart}][^{apart}]*|'
    line = f"rtrim({text}, chr(13))"
    bare = """case when x[1] = '"' then replace(x[2:-2], '""', '"') else x end"""
    return (
        f"case when not contains({text}, '\"') then string_split({line}, {quoted(mark)}) "
        f"when regexp_full_match({line}, {quoted(f'(?:(?:{field}){apart})*(?:{field})')}) then list_transform("
        f"regexp_extract_all({quoted(mark)} || {line}, {quoted(f'{apart}({field})')}, 1), lambda x: {bare}) end"
    )


def _names(header: list[str]) -> tuple[str, ...]:
    """The column names of a header; a nameless one is called after its place."""
    stripped = [name.strip().removeprefix("\ufeff") for name in header]
    return tuple(name or f"column_{place}" for place, name in enumerate(stripped, start=1))

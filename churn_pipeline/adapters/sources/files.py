"""One file, read as a view of texts, whatever its format: delimited text, JSON lines, Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.sources.delimited import Dialect, read_rows
from churn_pipeline.adapters.sources.json_lines import read_objects
from churn_pipeline.adapters.sources.lines import COMPRESSIONS, DamagedFileError, NoTextError, bare_name, read_lines
from churn_pipeline.adapters.sources.mapping import Files
from churn_pipeline.adapters.sources.reading import INSIDE, Apart, FileRows, RowLawError, SourceFile

if TYPE_CHECKING:
    import duckdb

TEXTS = (".csv", ".jsonl", ".ndjson")
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
SUFFIXES = (*TEXTS, *(f"{text}{packed}" for text in TEXTS for packed in COMPRESSIONS), PARQUET)
"""How the files end that are found by the names of the tables. A mapping may name any file; what it cannot tell apart is delimited text."""


def read_file(
    connection: duckdb.DuckDBPyConnection, path: Path, shown: str, spec: Files, *, view: str, written: int | None = None
) -> FileRows:
    """Create `view` of the rows of a file, called `shown` in them. What is wrong with the file is in the fact.

    `written` is how many rows were put into it, where we wrote it ourselves.

    Raises:
        RowLawError: the view gives more or fewer rows than stand in the file.
    """
    import duckdb

    try:
        if bare_name(path).endswith(PARQUET):
            return _parquet(connection, path, shown, view, written)
        return _text(connection, path, shown, spec, view)
    except NoTextError as error:
        return FileRows(view, SourceFile(shown, 0, 0, (), str(error)))
    except (DamagedFileError, duckdb.IOException, duckdb.InvalidInputException) as error:
        problem = f"the file is damaged: {str(error).splitlines()[0]}"
        return FileRows(view, SourceFile(shown, 0, 0, (), problem))


def read_raw(connection: duckdb.DuckDBPyConnection, raw: str, shown: str, *, view: str) -> FileRows:
    """Create `view` of rows that were read before: `raw` is a query that gives them in one column, as they were kept.

    That is, as JSON objects by the columns of the file that they stood in.
    """
    lines, rows = f"{view}_lines", f"{view}_rows"
    connection.execute(
        f"create or replace temp table {lines} as select row_number() over (order by text) as line, text, null::varchar as wrong "
        f"from ({raw}) as given(text)"
    )
    (stand,) = connection.execute(f"select count(*) from {lines}").fetchone() or (0,)
    return _view(connection, shown, read_objects(connection, lines, into=rows), rows, view, stand, is_json=True)


def as_text(column: str, type_: str) -> str:
    """SQL: a column of a Parquet file or SELECT as the text that would stand in a CSV file."""
    nested = type_.startswith(("STRUCT", "MAP", "UNION")) or type_.endswith("]")
    return f"to_json({name(column)})::varchar" if nested else f"nullif({name(column)}::varchar, '')"


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path, shown: str, view: str, written: int | None) -> FileRows:
    import pyarrow.parquet as pq

    if path.suffix.lower() in COMPRESSIONS:
        raise DamagedFileError("Parquet is compressed inside and cannot be read in a compressed wrapper; unpack it")
    file = f"read_parquet({quoted(path)}, hive_partitioning = false)"
    own = connection.execute(f"describe select * from {file}").fetchall()
    columns = tuple(row[0] for row in own)
    texts = ", ".join(f"{as_text(row[0], row[1])} as {name(row[0])}" for row in own)
    connection.execute(
        f"create or replace temp view {view} as select {quoted(shown)} as _file, file_row_number + 1 as _line, file_row_number as _place, "
        f"to_json(struct_pack({', '.join(f'{name(c)} := {name(c)}' for c in columns)}))::varchar as _raw, "
        f"null::varchar as _wrong, * exclude (file_row_number) "
        f"from (select {texts}, file_row_number from {file})"
    )
    rows: int = pq.read_metadata(path).num_rows if written is None else written
    (found,) = connection.execute(f"select count(*) from {file}").fetchone() or (0,)
    _require_all(shown, rows, found)
    return FileRows(view, SourceFile(shown, rows, 0, columns, _misnamed(columns)))


def _text(connection: duckdb.DuckDBPyConnection, path: Path, shown: str, spec: Files, view: str) -> FileRows:
    lines, rows = f"{view}_lines", f"{view}_rows"
    is_json = bare_name(path).endswith(JSON_LINES)
    filled = read_lines(connection, path, spec.encoding, into=lines, mark="" if is_json else spec.delimiter)
    if is_json:
        apart = read_objects(connection, lines, into=rows)
    else:
        apart = read_rows(connection, lines, Dialect(spec.delimiter, spec.names), into=rows)
    connection.execute(f"drop table {lines}")
    return _view(connection, shown, apart, rows, view, filled - apart.beside, is_json=is_json)


def _view(
    connection: duckdb.DuckDBPyConnection, shown: str, apart: Apart, rows: str, view: str, stand: int, *, is_json: bool
) -> FileRows:
    """Create `view` of the texts in table `rows`, of which as many have to be there as `stand` in the file."""
    counted = connection.execute(f"select count(*), count(wrong) from {rows}").fetchone()
    found, unreadable = counted or (0, 0)
    columns = apart.columns
    _require_all(shown, stand, found)
    problem = _misnamed(columns) if columns or found else "the file is empty: it has not even a header"
    if problem:
        return FileRows(view, SourceFile(shown, 0, 0, columns, problem))
    fields = "".join(f", nullif(fields[{place}], '') as {name(c)}" for place, c in enumerate(columns, start=1))
    packed = ", ".join(f"{name(c)} := fields[{place}]" for place, c in enumerate(columns, start=1))
    whole = "text" if is_json else f"to_json(struct_pack({packed}))::varchar"
    connection.execute(
        f"create or replace temp view {view} as select {quoted(shown)} as _file, line as _line, line as _place, "
        f"case when wrong is null then {whole} else to_json({{'unreadable': text}})::varchar end as _raw, "
        f"wrong as _wrong{fields} from {rows}"
    )
    return FileRows(view, SourceFile(shown, stand, unreadable, columns))


def _require_all(shown: str, stand: int, found: int) -> None:
    if stand != found:
        raise RowLawError(shown, f"{stand:,} rows stand in it, {found:,} were read")


def _misnamed(columns: tuple[str, ...]) -> str:
    lower = [column.lower() for column in columns]
    doubled = sorted({column for column in lower if lower.count(column) > 1})
    reserved = sorted(set(lower) & set(INSIDE))
    return "; ".join(
        [f"it names column {column} more than once (capitals make no difference)" for column in doubled]
        + [f"column {column} has a name that is reserved" for column in reserved]
    )

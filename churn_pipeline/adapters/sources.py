"""Sources: folders of files, in the contract or mapped onto it, read as the texts of the contract's columns.

Nothing of a file enters Python but its header. What is wrong with a file is a fact about it (`SourceFile.problem`),
not a crash: the batch is judged later, with all problems at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.delimited import Dialect, read_rows
from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.mapping import Files, Mapped, Mapping, Taken, load_mapping
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    import duckdb

SUFFIXES = (".csv", ".csv.gz", ".parquet")
INSIDE = ("_file", "_line", "_raw", "_wrong")
"""What every row of a file carries beside its own columns."""


class SourceError(Exception):
    """A source cannot be read at all; the message says where, why and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What was found in one file of a table. `columns` are its own; `problem` is why nothing could be read from it."""

    file: str
    rows: int
    unreadable: int
    columns: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One raw table, as read: `view` has `_file`, `_line`, `_raw`, `_wrong` and every column of the contract as text.

    `given` are the columns of the contract that the source has; the others are null throughout.
    """

    table: Table
    view: str
    files: tuple[SourceFile, ...]
    given: tuple[str, ...]

    @property
    def present(self) -> bool:
        """Whether the source has the table at all."""
        return bool(self.files)

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that may not be null and that the source does not have."""
        return tuple(c.name for c in self.table.columns if not c.null and c.name not in self.given)

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns that may be left out, and are."""
        return tuple(c.name for c in self.table.columns if c.null and c.name not in self.given)


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of files and, where they have other names, the mapping that says how they become the raw tables."""

    folder: Path
    mapping: Mapping | None = None
    mapping_file: Path | None = None

    def read(self, connection: duckdb.DuckDBPyConnection, table: Table) -> Reading:
        """Read one raw table into temp tables of the connection, behind one view.

        Raises:
            SourceError: the mapping names columns or files that are not there, or its SQL does not run.
        """
        return _TableReader(self, connection, table).read()

    def files(self, table: Table) -> tuple[Path, ...]:
        """The files that make up a table, in order of their names."""
        mapped = self._mapped(table)
        if mapped is None:
            return tuple(path for path in self.all_files() if _belongs(path.relative_to(self.folder), table.name))
        specs = [mapped.files] if mapped.files else list(self._named_in(mapped).values())
        return tuple(dict.fromkeys(path for spec in specs for path in self.matching(spec)))

    def all_files(self) -> tuple[Path, ...]:
        """Every file of the folder."""
        return tuple(sorted(path for path in self.folder.rglob("*") if path.is_file()))

    def matching(self, spec: Files) -> tuple[Path, ...]:
        """The files that match the patterns of a mapping."""
        return tuple(
            dict.fromkeys(p for pattern in spec.patterns for p in sorted(self.folder.glob(pattern)) if p.is_file())
        )

    def _mapped(self, table: Table) -> Mapped | None:
        return self.mapping.tables.get(table.name) if self.mapping else None

    def _named_in(self, mapped: Mapped) -> dict[str, Files]:
        named = self.mapping.files if self.mapping else {}
        words = set(re.findall(r"\w+", mapped.select or ""))
        return {key: spec for key, spec in named.items() if key in words}


def open_source(folder: Path, mapping: Path | None = None) -> Source:
    """The source in a folder.

    Raises:
        SourceError: there is no such folder.
        MappingError: the mapping breaks its rules.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such folder.\n  do: name the folder that holds the raw files")
    return Source(folder, load_mapping(mapping) if mapping else None, mapping)


def _belongs(path: Path, table: str) -> bool:
    """Whether a file is one of a table's: `events.csv`, `events-2024-05.csv.gz`, `events/anything.parquet`."""
    if not path.name.lower().endswith(SUFFIXES):
        return False
    stem = path.name.lower().removesuffix(".gz").rsplit(".", 1)[0]
    return path.parts[0] == table if len(path.parts) > 1 else stem == table or stem.startswith(f"{table}-")


@dataclass(frozen=True, slots=True)
class _FileRows:
    """One file, read: `view` has what is INSIDE and its columns as text."""

    view: str
    fact: SourceFile


class _TableReader:
    """Reads one table; the names it makes begin with the table's, so that tables do not meet."""

    def __init__(self, source: Source, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        self.source = source
        self.connection = connection
        self.table = table
        self.view = f"read_{table.name}"

    def read(self) -> Reading:
        mapped = self.source._mapped(self.table)
        if mapped is None:  # files that already bear the names of the contract need no mapping
            return self._columns(Files(patterns=("*",)), self.source.files(self.table), {}, None)
        if mapped.files is None:
            return self._select(mapped)
        paths = self._existing(mapped.files, f"tables.{self.table.name}.from")
        return self._columns(mapped.files, paths, mapped.columns, mapped.where)

    def _existing(self, spec: Files, key: str) -> tuple[Path, ...]:
        lost = [pattern for pattern in spec.patterns if not any(p.is_file() for p in self.source.folder.glob(pattern))]
        if lost:
            there = ", ".join(str(p.relative_to(self.source.folder)) for p in self.source.all_files()) or "nothing"
            raise SourceError(
                f"{self.source.mapping_file}, {key}: no file matches {', '.join(lost)} in {self.source.folder}\n"
                f"  there is: {there}\n  do: fix the name in the mapping, or add the file"
            )
        return self.source.matching(spec)

    # ---- column by column

    def _columns(self, spec: Files, paths: tuple[Path, ...], taken: dict[str, Taken], where: str | None) -> Reading:
        read = [self._file(path, spec, f"{self.view}_{place}") for place, path in enumerate(paths)]
        queries = [self._contract_columns(rows, taken, where) for rows in read if not rows.fact.problem]
        given = {c for rows in read for c in self._given(rows.fact, taken)}
        return self._over([rows.fact for rows in read], queries, tuple(c for c in self.table.names if c in given))

    def _given(self, fact: SourceFile, taken: dict[str, Taken]) -> set[str]:
        own = {column.lower() for column in fact.columns}
        return {c for c in self.table.names if c in taken or c in own} if not fact.problem else set()

    def _contract_columns(self, rows: _FileRows, taken: dict[str, Taken], where: str | None) -> str:
        self._check_names(rows.fact, taken)
        given = self._given(rows.fact, taken)
        texts = [
            f"{_text(taken.get(c, Taken(column=c))) if c in given else 'null::varchar'} as {name(c)}"
            for c in self.table.names
        ]
        kept = f"where _wrong is not null or ({where})" if where else ""
        query = f"select {', '.join(INSIDE)}, {', '.join(texts)} from {rows.view} {kept}"
        self._try(query, f"tables.{self.table.name}")
        return query

    def _check_names(self, fact: SourceFile, taken: dict[str, Taken]) -> None:
        own = {column.lower() for column in fact.columns}
        lost = [(c, t.column) for c, t in taken.items() if t.column is not None and t.column.lower() not in own]
        if lost:
            listed = "\n".join(
                f"  tables.{self.table.name}.columns.{c}: {fact.file} has no column {n}" for c, n in lost
            )
            raise SourceError(
                f"{self.source.mapping_file}:\n{listed}\n  {fact.file} has: {', '.join(fact.columns)}\n"
                "  do: fix the names in the mapping, or the file"
            )

    # ---- by a whole SELECT

    def _select(self, mapped: Mapped) -> Reading:
        facts: list[SourceFile] = []
        unreadable: list[str] = []
        for key, spec in self.source._named_in(mapped).items():
            paths = self._existing(spec, f"files.{key}")
            read = [self._file(path, spec, f"{self.view}_{key}_{place}") for place, path in enumerate(paths)]
            facts += [rows.fact for rows in read]
            good = [f"select * from {rows.view} where _wrong is null" for rows in read if not rows.fact.problem]
            unreadable += [f"select * from {r.view} where _wrong is not null" for r in read if not r.fact.problem]
            if good:
                self.connection.execute(
                    f"create or replace temp view {name(key)} as {' union all by name '.join(good)}"
                )
        if any(fact.problem for fact in facts):
            return self._over(facts, [], ())
        return self._selected(mapped.select or "", facts, unreadable)

    def _selected(self, select: str, facts: list[SourceFile], unreadable: list[str]) -> Reading:
        selected = f"{self.view}_selected"
        self._try(f"create or replace temp table {selected} as {select}", f"tables.{self.table.name}.select")
        own = {row[0].lower(): row for row in self.connection.execute(f"describe {selected}").fetchall()}
        given = tuple(c for c in self.table.names if c in own)
        texts = [f"{_as_text(c, own[c][1]) if c in own else 'null::varchar'} as {name(c)}" for c in self.table.names]
        traced = {"_file", "_line"} <= own.keys()
        place = (
            "_file, _line"
            if traced
            else f"{quoted(f'the SELECT of {self.table.name}')} as _file, null::bigint as _line"
        )
        packed = ", ".join(f"{name(row[0])} := {name(row[0])}" for key, row in own.items() if key not in INSIDE)
        raw = f"to_json(struct_pack({packed}))::varchar as _raw, null::varchar as _wrong"
        queries = [f"select {place}, {raw}, {', '.join(texts)} from {selected}"]
        nulls = ", ".join(f"null::varchar as {name(c)}" for c in self.table.names)
        queries += [f"select {', '.join(INSIDE)}, {nulls} from ({query})" for query in unreadable]
        return self._over(facts, queries, given)

    # ---- files

    def _file(self, path: Path, spec: Files, view: str) -> _FileRows:
        import duckdb

        shown = path.relative_to(self.source.folder).as_posix()
        try:
            if path.suffix.lower() == ".parquet":
                return self._parquet(path, shown, view)
            return self._text_file(path, shown, spec, view)
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            problem = f"the file is damaged: {str(error).splitlines()[0]}"
            return _FileRows(view, SourceFile(shown, 0, 0, (), problem))

    def _parquet(self, path: Path, shown: str, view: str) -> _FileRows:
        file = f"read_parquet({quoted(path)}, hive_partitioning = false)"
        own = self.connection.execute(f"describe select * from {file}").fetchall()
        columns = tuple(row[0] for row in own)
        texts = ", ".join(f"{_as_text(row[0], row[1])} as {name(row[0])}" for row in own)
        self.connection.execute(
            f"create or replace temp view {view} as select {quoted(shown)} as _file, file_row_number + 1 as _line, "
            f"to_json(struct_pack({', '.join(f'{name(c)} := {name(c)}' for c in columns)}))::varchar as _raw, "
            f"null::varchar as _wrong, * exclude (file_row_number) "
            f"from (select {texts}, file_row_number from {file})"
        )
        (rows,) = self.connection.execute(f"select count(*) from {file}").fetchone() or (0,)
        return _FileRows(view, SourceFile(shown, rows, 0, columns, _doubled(columns)))

    def _text_file(self, path: Path, shown: str, spec: Files, view: str) -> _FileRows:
        dialect = Dialect(spec.delimiter, spec.names, spec.encoding)
        columns = read_rows(self.connection, path, dialect, into=f"{view}_rows")
        problem = _doubled(columns) if columns else "the file is empty: it has not even a header"
        if problem:
            return _FileRows(view, SourceFile(shown, 0, 0, columns, problem))
        fields = ", ".join(f"nullif(fields[{place}], '') as {name(c)}" for place, c in enumerate(columns, start=1))
        packed = ", ".join(f"{name(c)} := fields[{place}]" for place, c in enumerate(columns, start=1))
        self.connection.execute(
            f"create or replace temp view {view} as select {quoted(shown)} as _file, line as _line, "
            f"case when wrong is null then to_json(struct_pack({packed})) else to_json({{'unreadable': text}}) end::varchar as _raw, "
            f"wrong as _wrong, {fields} from {view}_rows"
        )
        counted = self.connection.execute(f"select count(*), count(wrong) from {view}_rows").fetchone()
        rows, unreadable = counted or (0, 0)
        return _FileRows(view, SourceFile(shown, rows, unreadable, columns))

    def _over(self, facts: list[SourceFile], queries: list[str], given: tuple[str, ...]) -> Reading:
        nulls = ", ".join(f"null::varchar as {name(c)}" for c in self.table.names)
        nothing = f"select null::varchar as _file, null::bigint as _line, null::varchar as _raw, null::varchar as _wrong, {nulls} where false"
        self.connection.execute(
            f"create or replace temp view {self.view} as {' union all by name '.join(queries) or nothing}"
        )
        return Reading(self.table, self.view, tuple(facts), given)

    def _try(self, query: str, key: str) -> None:
        import duckdb

        try:
            self.connection.execute(query if query.startswith("create") else f"explain {query}")
        except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
            # DuckDB quotes the value, which may be somebody's name: neither its words nor the error itself go on
            raise SourceError(
                f"{self.source.mapping_file}, {key}: a value stops the SQL\n"
                "  do: use try_cast instead of cast there; what cannot be read is then quarantined by itself"
            ) from None
        except duckdb.Error as error:
            raise SourceError(
                f"{self.source.mapping_file}, {key}: the SQL does not run: {error}\n"
                "  allowed: DuckDB SQL over the columns of the files, which are all text (cast what is to be computed with)\n"
                "  do: fix `sql`, `where` or `select` there"
            ) from error


def _text(taken: Taken) -> str:
    """SQL: a taken column as text."""
    if "constant" in taken.model_fields_set:
        return "null::varchar" if taken.constant is None else f"{quoted(_word(taken.constant))}::varchar"
    origin = name(taken.column) if taken.column is not None else f"({taken.sql})::varchar"
    if taken.format is not None:
        return f"coalesce(try_strptime({origin}, {quoted(taken.format)})::varchar, {origin})"
    if taken.cast is not None:
        return f"coalesce(try_cast({origin} as {taken.cast})::varchar, {origin})"
    return origin


def _word(constant: str | float | bool) -> str:
    return str(constant).lower() if isinstance(constant, bool) else str(constant)


def _as_text(column: str, type_: str) -> str:
    """SQL: a column of a Parquet file or SELECT as the text that would stand in a CSV file."""
    nested = type_.startswith(("STRUCT", "MAP", "UNION")) or type_.endswith("]")
    return f"to_json({name(column)})::varchar" if nested else f"nullif({name(column)}::varchar, '')"


def _doubled(columns: tuple[str, ...]) -> str:
    lower = [column.lower() for column in columns]
    doubled = sorted({column for column in lower if lower.count(column) > 1})
    reserved = sorted(set(lower) & set(INSIDE))
    return "; ".join(
        [f"the header names column {column} more than once" for column in doubled]
        + [f"column {column} has a name that is reserved" for column in reserved]
    )

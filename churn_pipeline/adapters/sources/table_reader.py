"""One raw table, read from its files: column by column, or by a whole SELECT over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.sources.files import as_text, read_file, read_raw
from churn_pipeline.adapters.sources.kinds import kinds
from churn_pipeline.adapters.sources.mapping import CASTS, Files, Mapped, Taken
from churn_pipeline.adapters.sources.reading import INSIDE, MARK, FileRows, Reading, SourceError, SourceFile
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.spelling import listed

if TYPE_CHECKING:
    import duckdb

    from churn_pipeline.adapters.sources.source import Source

QUARANTINE = "quarantine"
"""What rows are called, in the place of their file, that were rejected before and are read again."""
REST = "properties"
"""The column of the contract that takes in what a file has beside the contract."""


def read_table(source: Source, connection: duckdb.DuckDBPyConnection, table: Table, *, again: str = "") -> Reading:
    """Read one raw table into temp tables of the connection, behind one view.

    `again` is a query that gives raw rows, as they were kept, that are read once more beside what the source gives.

    Raises:
        SourceError: the mapping names columns or files that are not there, or its SQL does not run.
    """
    return TableReader(source, connection, table, again).read()


class TableReader:
    """Reads one table; the names it makes begin with the table's, so that tables do not meet."""

    def __init__(self, source: Source, connection: duckdb.DuckDBPyConnection, table: Table, again: str = "") -> None:
        self.source = source
        self.connection = connection
        self.table = table
        self.again = again
        self.view = f"read_{table.name}"

    def read(self) -> Reading:
        """The table, behind one view; raises as `read_table` does."""
        mapped = self.source.mapped(self.table)
        if mapped is None:  # files that already bear the names of the contract need no mapping
            return self._columns(Files(patterns=("*",)), self.source.files(self.table), Mapped(**{"from": "*"}))
        if mapped.files is None:
            return self._select(mapped)
        paths = self._existing(mapped.files, self.table.name, f"tables.{self.table.name}.from")
        return self._columns(mapped.files, paths, mapped)

    def _existing(self, spec: Files, label: str, key: str) -> tuple[Path, ...]:
        if spec.query and not self.source.address:
            raise SourceError(
                f"{self.source.mapping_file}, {key.removesuffix('.from')}.query: only a database answers a query\n"
                f"  do: name the files by `from`, or give the address of the database as the source"
            )
        if self.source.address:
            return self.source.matching(spec, label)
        lost = [pattern for pattern in spec.patterns if not any(p.is_file() for p in self.source.folder.glob(pattern))]
        if lost:
            there = listed([str(p.relative_to(self.source.folder)) for p in self.source.all_files()])
            raise SourceError(
                f"{self.source.mapping_file}, {key}: no file matches {', '.join(lost)} in {self.source.folder}\n"
                f"  there is: {there}\n  do: fix the name in the mapping, or add the file"
            )
        return self.source.matching(spec, label)

    def _files(self, paths: tuple[Path, ...], spec: Files, view: str) -> list[FileRows]:
        read = [
            read_file(
                self.connection,
                path,
                self.source.shown(path),
                spec,
                view=f"{view}_{place}",
                written=self.source.copied.get(path),
            )
            for place, path in enumerate(paths)
        ]
        if read and not read[-1].fact.problem:
            newest = read[-1]
            read[-1] = replace(newest, fact=replace(newest.fact, kinds=kinds(self.connection, newest)))
        return read

    # ---- column by column

    def _columns(self, spec: Files, paths: tuple[Path, ...], mapped: Mapped) -> Reading:
        taken = mapped.columns
        read = [*self._files(paths, spec, self.view), *self._again()]
        queries = [self._contract_columns(rows, mapped) for rows in read if not rows.fact.problem]
        given = {c for rows in read for c in self._given(rows.fact, taken)}
        due = sum(rows.fact.rows - self._left_out(rows, mapped) for rows in read if not rows.fact.problem)
        return self._over([rows.fact for rows in read], queries, tuple(c for c in self.table.names if c in given), due)

    def _again(self) -> list[FileRows]:
        """Rows that were rejected before and may be good now; none where there are none."""
        if not self.again:
            return []
        rows = read_raw(self.connection, self.again, QUARANTINE, view=f"{self.view}_again")
        return [rows] if rows.fact.rows else []

    def _left_out(self, rows: FileRows, mapped: Mapped) -> int:
        if not mapped.where:
            return 0
        query = f"select count(*) from {rows.view} where {_kept(mapped.where)} is not true"
        return self._number(query, f"tables.{self.table.name}.where")

    def _given(self, fact: SourceFile, taken: dict[str, Taken]) -> set[str]:
        own = {column.lower() for column in fact.columns} | ({REST} if self._rest(fact, taken) else set())
        return {c for c in self.table.names if c in taken or c in own} if not fact.problem else set()

    def _contract_columns(self, rows: FileRows, mapped: Mapped) -> str:
        taken = mapped.columns | ({MARK: mapped.deleted} if mapped.deleted else {})
        self._check_names(rows.fact, taken)
        given = self._given(rows.fact, taken)
        rest = self._rest(rows.fact, taken)
        own = {column.lower() for column in rows.fact.columns}
        texts = {c: _text(taken.get(c, Taken(column=c))) if c in given else "null::varchar" for c in self.table.names}
        if rest:
            texts[REST] = _with_rest(rest, texts[REST] if REST in own else "null::varchar")
        listed = ", ".join(f"{text} as {name(c)}" for c, text in texts.items())
        kept = f"where {_kept(mapped.where)}" if mapped.where else ""
        mark = _text(mapped.deleted) if mapped.deleted else "null::varchar"
        query = f"select {', '.join(INSIDE)}, {mark} as {MARK}, {listed} from {rows.view} {kept}"
        self._try(f"explain {query}", f"tables.{self.table.name}")
        return query

    def _rest(self, fact: SourceFile, taken: dict[str, Taken]) -> tuple[str, ...]:
        """The columns of a file that go into `properties`: those that neither the contract nor the mapping names."""
        if REST not in self.table.names or REST in taken:
            return ()
        named = {*self.table.names, *(t.column.lower() for t in taken.values() if t.column is not None)}
        return tuple(column for column in fact.columns if column.lower() not in named)

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
        for key, spec in self.source.named_in(mapped).items():
            paths = self._existing(spec, key, f"files.{key}")
            read = self._files(paths, spec, f"{self.view}_{key}")
            facts += [rows.fact for rows in read]
            good = [f"select * from {rows.view} where _wrong is null" for rows in read if not rows.fact.problem]
            unreadable += [f"select * from {r.view} where _wrong is not null" for r in read if not r.fact.problem]
            if good:
                self.connection.execute(
                    f"create or replace temp view {name(key)} as {' union all by name '.join(good)}"
                )
        if any(fact.problem for fact in facts):
            return self._over(facts, [], (), 0)
        return self._selected(mapped.select or "", facts, unreadable)

    def _selected(self, select: str, facts: list[SourceFile], unreadable: list[str]) -> Reading:
        selected = f"{self.view}_selected"
        self._try(f"create or replace temp table {selected} as {select}", f"tables.{self.table.name}.select")
        due = self._number(f"select count(*) from {selected}", "select") + sum(fact.unreadable for fact in facts)
        own = {row[0].lower(): row for row in self.connection.execute(f"describe {selected}").fetchall()}
        given = tuple(c for c in self.table.names if c in own)
        texts = [f"{as_text(c, own[c][1]) if c in own else 'null::varchar'} as {name(c)}" for c in self.table.names]
        traced = {"_file", "_line"} <= own.keys()
        unknown = quoted(f"the SELECT of {self.table.name}")
        place = (
            f"coalesce(_file, {unknown}) as _file, _line" if traced else f"{unknown} as _file, null::bigint as _line"
        )
        packed = ", ".join(f"{name(row[0])} := {name(row[0])}" for key, row in own.items() if key not in INSIDE)
        raw = f"to_json(struct_pack({packed}))::varchar as _raw, null::varchar as _wrong, null::varchar as {MARK}"
        # below 0, where no line of a file is
        queries = [f"select {place}, -1 - rowid as _place, {raw}, {', '.join(texts)} from {selected}"]
        nulls = ", ".join(f"null::varchar as {name(c)}" for c in self.table.names)
        queries += [
            f"select {', '.join(INSIDE)}, null::varchar as {MARK}, {nulls} from ({query})" for query in unreadable
        ]
        return self._over(facts, queries, given, due)

    def _over(self, facts: list[SourceFile], queries: list[str], given: tuple[str, ...], due: int) -> Reading:
        nulls = ", ".join(f"null::varchar as {name(c)}" for c in self.table.names)
        nothing = f"select null::varchar as _file, null::bigint as _line, null::bigint as _place, null::varchar as _raw, null::varchar as _wrong, null::varchar as {MARK}, {nulls} where false"
        self.connection.execute(
            f"create or replace temp view {self.view} as {' union all by name '.join(queries) or nothing}"
        )
        keys = ", ".join(name(c) for c in self.table.key)
        every_key = self._all_keys() or f"select {keys} from {self.view}"
        return Reading(self.table, self.view, tuple(facts), given, every_key, due)

    def _all_keys(self) -> str:
        """The keys of all records, where only the newer records themselves were read."""
        copies = [path for path in self.source.key_copies(self.table) if path.exists()]
        taken = self.source.key_columns(self.table)
        texts = ", ".join(f"{_text(taken[c])} as {name(c)}" for c in self.table.key if c in taken)
        return " union all ".join(f"select {texts} from read_parquet({quoted(path)})" for path in copies)

    def _number(self, query: str, key: str) -> int:
        self._try(query, key)
        (number,) = self.connection.fetchone() or (0,)
        return int(number)

    def _try(self, query: str, key: str) -> None:
        import duckdb

        try:
            self.connection.execute(query)
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


def _kept(where: str) -> str:
    """SQL: whether a row is kept; a line that could not be read always is, for its quarantine."""
    return f"(_wrong is not null or ({where}))"


def _text(taken: Taken) -> str:
    """SQL: a taken column as text."""
    if "constant" in taken.model_fields_set:
        return "null::varchar" if taken.constant is None else f"{quoted(_word(taken.constant))}::varchar"
    origin = name(taken.column) if taken.column is not None else f"({taken.sql})::varchar"
    if taken.format is not None:
        return f"coalesce(try_strptime({origin}, {quoted(taken.format)})::varchar, {origin})"
    if taken.cast is not None:
        return f"coalesce(try_cast({origin} as {CASTS[taken.cast]})::varchar, {origin})"
    return origin


def _with_rest(columns: tuple[str, ...], own: str) -> str:
    """SQL: a JSON object of the columns that are not null, and of the members of `own` where that is one."""
    packed = ", ".join(f"{name(c)} := {name(c)}" for c in columns)
    rest = f"json_merge_patch('{{}}', to_json(struct_pack({packed})))"
    both = f"case json_type({own}) when 'OBJECT' then json_merge_patch({rest}, {own})::varchar else {own} end"
    return f"case when {own} is null then nullif({rest}::varchar, '{{}}') when json_valid({own}) then {both} else {own} end"


def _word(constant: str | float | bool) -> str:
    return str(constant).lower() if isinstance(constant, bool) else str(constant)

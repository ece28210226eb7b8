"""The tables that people read: PostgreSQL, written in whole transactions.

Bulk rows travel by ADBC (binary COPY from Arrow). A day is replaced by DELETE and ingest in one transaction: a reader
sees the old day or the new one, and a writer that dies leaves the old one. Errors name table, rule and what is allowed;
they never carry the row that was refused, which may hold personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.locks import Lock, hold
from churn_pipeline.adapters.postgres import connect, database_url, located
from churn_pipeline.adapters.sessions import session
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, ANALYTICS_VIEWS
from churn_pipeline.contracts.derive import ddl
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import Table, View
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import psycopg2.extensions
    import pyarrow as pa

DECLARING = 7_305_224_511_871_042
"""Key of the advisory lock under which tables are declared (any constant)."""
REFUSALS = ("22", "23")
"""Classes of SQLSTATE that say that a row breaks a rule; all others say that the server could not do its work."""
FAILURES = {
    "08": "the connection to the server was lost",
    "28": "the server does not let this role in",
    "40": "the transaction was rolled back, as another one stood in its way",
    "42": "a table or column is not there, or the role may not write it",
    "53": "the server lacks disk, memory or connections",
    "55": "something it needs is in use",
    "57": "the server was stopped, or somebody cancelled the statement",
    "58": "the disk or the system of the server failed",
    "XX": "the server is damaged",
}
"""What the other classes of SQLSTATE mean (PostgreSQL, appendix A)."""


class WarehouseError(Exception):
    """Nothing was written: rows or a declaration were refused, or the server failed. Says why, never the row."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The tables of one business."""

    url: str = field(repr=False)
    schema: str = "analytics"
    locks: list[Lock] = field(default_factory=list, repr=False, compare=False)
    """Those that this process holds."""

    # ---- declare

    @classmethod
    def of(cls, settings: Settings) -> Warehouse:
        """The warehouse of the business that the settings name; the database is there when this returns."""
        return cls(database_url(settings, schema="analytics"))

    def create(self, tables: Iterable[Table] = ANALYTICS_TABLES, views: Iterable[View] = ANALYTICS_VIEWS) -> None:
        """Bring the schema up to the declarations: tables, rules, comments, views. Nothing is touched that meets its own.

        A table that is there is altered, never rebuilt: new columns are added, new bounds hold for new rows.

        Raises:
            WarehouseError: a key or the type of a column was changed, or a view that lost a column is built on.
        """
        declared = tuple(tables)
        shown = tuple(view for view in views if view.of in declared)
        with closing(connect(self.url)) as connection, connection, connection.cursor() as cursor:
            if self._outdated(cursor, (*declared, *shown)):
                cursor.execute("select pg_advisory_xact_lock(%s)", [DECLARING])
                cursor.execute(ddl.refusal(self.schema))
                for item in self._outdated(cursor, (*declared, *shown)):
                    self._declare(cursor, item)

    def _declare(self, cursor: psycopg2.extensions.cursor, item: Table | View) -> None:
        import psycopg2

        try:
            cursor.execute(";\n".join(self._declaration(cursor, item)))
        except psycopg2.errors.DependentObjectsStillExist as error:
            raise WarehouseError(
                f"{self.schema}.{item.name} lost a column and has to be made anew, but something is built on it: "
                f"{error.diag.message_detail}\n  do: drop that, run again, then make it again on the columns there are"
            ) from None

    def _outdated(self, cursor: psycopg2.extensions.cursor, items: Sequence[Table | View]) -> list[Table | View]:
        """What is not there as declared, by the fingerprint of its declaration kept on its key (a view: on its rule)."""
        cursor.execute(
            "select c.relname, coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(r.oid, 'pg_rewrite')) "
            "from pg_class as c left join pg_constraint as k on k.conrelid = c.oid and k.contype = 'p' "
            "left join pg_rewrite as r on r.ev_class = c.oid where c.relnamespace = %s::regnamespace",
            [ddl.name(self.schema)],
        )
        there = dict(cursor.fetchall())
        return [item for item in items if there.get(item.name) != ddl.fingerprint(item)]

    def _declaration(self, cursor: psycopg2.extensions.cursor, item: Table | View) -> list[str]:
        place = f"{ddl.name(self.schema)}.{ddl.name(item.name)}"
        mark = ddl.text(ddl.fingerprint(item))
        if isinstance(item, View):
            made = ddl.create_view(item, self.schema, there=tuple(c for c, _, _ in self._attributes(cursor, item)))
            return [*made, f'comment on rule "_RETURN" on {place} is {mark}']
        there = self._columns(cursor, item)
        statements = (
            ddl.evolve(item, self.schema, there=tuple(there), rules=self._rules(cursor, item))
            if there
            else ddl.create(item, self.schema)
        )
        return [*statements, f"comment on constraint {ddl.name(ddl.key_name(item))} on {place} is {mark}"]

    def _attributes(self, cursor: psycopg2.extensions.cursor, item: Table | View) -> list[tuple[str, str, bool]]:
        """The columns of a table or view as it is there, in order: name, type, and whether they are of the key."""
        cursor.execute(
            "select attname, format_type(atttypid, atttypmod), attnum = any(coalesce(conkey, '{}')) from pg_attribute "
            "left join pg_constraint on conrelid = attrelid and contype = 'p' "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            [f"{ddl.name(self.schema)}.{ddl.name(item.name)}"],
        )
        return cursor.fetchall()

    def _columns(self, cursor: psycopg2.extensions.cursor, table: Table) -> dict[str, str]:
        """The columns of the table as it is there, with their types; refuses what cannot be altered in place."""
        rows = self._attributes(cursor, table)
        there = {column: ddl.spelt(type_) for column, type_, _ in rows}
        key = {column for column, _, in_key in rows if in_key}
        changed = [
            f"column {c.name} is {there[c.name]}, declared is {ddl.postgres_type(c.type)}"
            for c in table.columns
            if c.name in there and there[c.name] != ddl.spelt(ddl.postgres_type(c.type))
        ]
        if there and key != set(table.key):
            changed.append(f"its key is {', '.join(sorted(key))}, declared is {', '.join(table.key)}")
        if changed:
            raise WarehouseError(
                f"table {self.schema}.{table.name} is not what is declared: {'; '.join(changed)}.\n"
                "  do: rename or drop the old table, then run again; it is made anew and past days can be scored again"
            )
        return there

    def _rules(self, cursor: psycopg2.extensions.cursor, table: Table) -> tuple[str, ...]:
        cursor.execute(
            "select conname from pg_constraint where conrelid = to_regclass(%s) and contype = 'c' order by 1",
            [f"{ddl.name(self.schema)}.{ddl.name(table.name)}"],
        )
        return tuple(rule for (rule,) in cursor.fetchall())

    # ---- write

    def replace(self, table: Table, rows: pa.Table, *, where: Mapping[str, object]) -> int:
        """Put `rows` in the place of all rows for which the columns in `where` have those values; give their number.

        One transaction: readers see what was before or all of the new. Two writers of one table take turns.

        Raises:
            WarehouseError: a rule refused a row or the server failed (nothing has changed), or `rows` do not fit the
                table or `where`.
        """
        if table.append_only:
            raise WarehouseError(f"table {table.name} is append-only.\n  do: use append")
        fitting = _fitted(table, rows)
        _check_where(table, fitting, where)
        given = _condition(where)

        def write(cursor: Any) -> int:
            cursor.execute("select pg_advisory_xact_lock($1)", [_key(f"{self.schema}.{table.name}")])
            cursor.execute(f"delete from {self._place(table)} where {given}", list(where.values()))
            if fitting.num_rows:
                cursor.adbc_ingest(table.name, fitting, mode="append", db_schema_name=self.schema)
            return int(fitting.num_rows)

        return self._write(table, write)

    def append(self, table: Table, rows: pa.Table) -> int:
        """Add the rows whose key is not there yet, leave all others alone, and give the number of those added.

        Raises:
            WarehouseError: a rule refused a row or the server failed (nothing has changed), or `rows` do not fit the
                table.
        """
        fitting = _fitted(table, rows)
        columns = ", ".join(ddl.name(c) for c in table.names)
        key = ", ".join(ddl.name(c) for c in table.key)

        def write(cursor: Any) -> int:
            cursor.execute(f"create temp table incoming (like {self._place(table)}) on commit drop")
            cursor.adbc_ingest("incoming", fitting, mode="append", temporary=True)
            cursor.execute(
                f"with added as (insert into {self._place(table)} ({columns}) select {columns} from incoming "
                f"on conflict ({key}) do nothing returning 1) select count(*) from added"
            )
            return int(cursor.fetchone()[0])

        return self._write(table, write) if fitting.num_rows else 0

    def _write(self, table: Table, write: Callable[[Any], int]) -> int:
        """Run `write` in one transaction; what the server says against it is told without the row it quotes."""
        import adbc_driver_manager

        lost = [lock.what for lock in self.locks if not lock.held()]
        if lost:
            raise WarehouseError(
                f"table {table.name} was not written: lock `{', '.join(lost)}` is lost, as the server went away for a while, "
                "and another process may be at work by now.\n  do: run it again"
            )
        try:
            with self._session() as (connection, cursor):
                written = write(cursor)
                connection.commit()
                return written
        except adbc_driver_manager.DatabaseError as error:
            told = _refused(table, error) if _state(error)[:2] in REFUSALS else _failed(table, error)
        # raised out here, so that the server's own error (which quotes the row) hangs on nothing
        raise told

    # ---- read

    def read(self, query: str, parameters: Sequence[object] = ()) -> pa.Table:
        """The rows of a query with `$1`-style parameters; unqualified names are those of our tables.

        JSON comes as text; exact numbers come as decimals where their scale is declared, else as doubles.
        """
        with self._session() as (_, cursor):
            cursor.execute(query, list(parameters) or None)
            return _plain(cursor.fetch_arrow_table())

    def blocks(self, query: str) -> Iterator[pa.Table]:
        """The rows of `read` in blocks, as the server sends them, so that memory need not hold all; one block at least.

        Without parameters: the driver would ask for all rows of a query that has some before it gives the first.
        """
        import pyarrow as pa

        with self._session() as (_, cursor):
            cursor.execute(query)
            sent = cursor.fetch_record_batch()
            yield _plain(sent.schema.empty_table())
            for batch in sent:
                yield _plain(pa.Table.from_batches([batch]))

    def _session(self) -> AbstractContextManager[tuple[Any, Any]]:
        return session(located(self.url, schema=self.schema))

    def _place(self, table: Table) -> str:
        return f"{ddl.name(self.schema)}.{ddl.name(table.name)}"

    # ---- take turns

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold a lock that only one process of the business can hold at a time; nothing is written once it is lost.

        Raises:
            Busy: another process holds it.
        """
        with hold(self.url, what, key=_key(f"{self.schema}:{what}")) as lock:
            self.locks.append(lock)
            try:
                yield
            finally:
                self.locks.remove(lock)


def _key(what: str) -> int:
    """A number for an advisory lock."""
    return int.from_bytes(sha256(what.encode()).digest()[:8], "big", signed=True)


def _fitted(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with exactly the declared columns and types, in the declared order."""
    import pyarrow as pa

    given, wanted = set(rows.column_names), set(table.names)
    problems = [
        *(f"column {c} is missing" for c in table.names if c not in given),
        *(f"column {c} is not declared" for c in sorted(given - wanted)),
        *(f"column {c} is there twice" for c in sorted({c for c in given if rows.column_names.count(c) > 1})),
    ]
    columns = []
    for declared in () if problems else arrow_schema(table):
        try:
            columns.append(rows.column(declared.name).cast(declared.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            problems.append(
                f"column {declared.name} is {rows.schema.field(declared.name).type}, wanted is {declared.type}"
            )
    if problems:
        raise WarehouseError(
            f"rows for table {table.name} do not fit it: {'; '.join(problems)}.\n"
            f"  allowed: {', '.join(table.names)}\n  do: give exactly these columns"
        ) from None
    # declared nullability is left to the database, which names the column
    return pa.table(columns, names=list(table.names))


def _check_where(table: Table, rows: pa.Table, where: Mapping[str, object]) -> None:
    """Every row has to be among those it replaces: otherwise doing it twice would not do it once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unknown = sorted(set(where) - set(table.names))
    if unknown or not where:
        raise WarehouseError(
            f"which rows of {table.name} are replaced? where names {', '.join(unknown) or 'no column'}.\n"
            f"  allowed: {', '.join(table.names)}"
        )
    outside = [
        column
        for column, value in where.items()
        if not pc.all(
            pc.equal(rows.column(column), pa.scalar(value, rows.schema.field(column).type)),
            skip_nulls=False,
            min_count=0,
        ).as_py()
    ]
    if outside:
        raise WarehouseError(
            f"some rows for table {table.name} are not among those they replace: {', '.join(outside)} differs from `where`.\n"
            "  do: give the rows of that day only"
        )


def _condition(where: Mapping[str, object]) -> str:
    return " and ".join(f"{ddl.name(column)} = ${place}" for place, column in enumerate(where, 1))


def _refused(table: Table, error: Any) -> WarehouseError:
    """The server's refusal without the row: the rule, and what it allows."""
    told = {key.decode(): value.decode(errors="replace") for key, value in error.details}
    rule = told.get("PG_DIAG_CONSTRAINT_NAME", "")
    column = told.get("PG_DIAG_COLUMN_NAME", "")
    allowed = {**ddl.checks(table), ddl.key_name(table): f"each {' + '.join(table.key)} once"}
    what = f"rule {rule}" if rule else f"column {column} may not be null" if column else f"SQLSTATE {_state(error)}"
    told_allowed = f"\n  allowed: {allowed[rule]}" if rule in allowed else ""
    return WarehouseError(
        f"table {table.name} refused the rows ({what}); nothing has been written.{told_allowed}\n"
        "  do: find the offending rows before they are written (they are not shown here: they may hold personal data)"
    )


def _failed(table: Table, error: Any) -> WarehouseError:
    """That the server could not write, whatever the rows are. Its own words are left out: they may quote a row."""
    state = _state(error)
    why = FAILURES.get(state[:2], "the server failed") if state else FAILURES["08"]
    return WarehouseError(
        f"table {table.name} could not be written: {why}{f' (SQLSTATE {state})' if state else ''}; nothing has been written.\n"
        "  do: see that the server is well (its log says more), then run again"
    )


def _state(error: Any) -> str:
    """The SQLSTATE of an error; empty where no server answered."""
    return (error.sqlstate or "").strip("\0")


def _plain(rows: pa.Table) -> pa.Table:
    """The same rows without the driver's own types."""
    import pyarrow as pa

    columns = [
        column.cast(_plain_type(field_))
        if not isinstance(field_.type, pa.BaseExtensionType)
        else pa.chunked_array([chunk.storage for chunk in column.chunks], field_.type.storage_type).cast(
            _plain_type(field_)
        )
        for field_, column in zip(rows.schema, rows.columns, strict=True)
    ]
    return pa.table(columns, names=rows.column_names)


def _plain_type(declared: pa.Field) -> pa.DataType:
    import pyarrow as pa

    told = declared.metadata or {}
    if told.get(b"POSTGRESQL:type") != b"numeric":
        return declared.type.storage_type if isinstance(declared.type, pa.BaseExtensionType) else declared.type
    packed = int(told.get(b"POSTGRESQL:typmod", b"-1")) - 4
    return pa.decimal128(packed >> 16, packed & 0x7FF) if packed > 0 else pa.float64()

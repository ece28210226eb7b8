"""Databases as sources: their tables are copied into Parquet files, from one consistent snapshot, and then read as files are.

The copy is whole or not at all: a connection that breaks, a table that is altered, a full disk end it with a
`SourceError` before anything is staged. All values travel as the texts the server writes (a date of zeros or an infinite
timestamp too: it is quarantined with its reason later, like any other text that says no moment).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from churn_pipeline.adapters.sources.reading import SourceError
from churn_pipeline.core.addresses import shown

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

DRIVERS = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"} | {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The drivers that are installed with us; any other SQLAlchemy URL works where its driver is installed."""
BATCH = 20_000
"""Rows that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table (or query) of a database and the file it is copied into.

    With a cursor and a moment (or number), only rows whose cursor is null or not before it are copied.
    """

    file: Path
    table: str = ""
    query: str = ""
    columns: tuple[str, ...] = ()
    """Those that are copied; all of them where none is named."""
    cursor: str = ""
    since: datetime | int | None = None
    most: int | None = None
    """Most rows that are copied."""

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"table {self.table}" if self.table else "the query of the mapping"


def catalogue(url: str) -> dict[str, dict[str, str]]:
    """The tables and views of the database's default schema, each with its columns and their types.

    Raises:
        SourceError: the database cannot be entered.
    """
    import sqlalchemy as sa
    from sqlalchemy.engine.reflection import ObjectKind

    with _engine(url) as engine, _told(url, "the list of tables"):
        found = sa.inspect(engine).get_multi_columns(kind=ObjectKind.ANY)
        return {
            table: {column["name"]: str(column["type"]).lower() for column in columns}
            for (_, table), columns in sorted(found.items())
        }


def copy_tables(url: str, tables: Sequence[Copied]) -> dict[Path, int]:
    """Copy tables, all as they were at one moment, into Parquet files whose columns are texts; gives the rows of each.

    Raises:
        SourceError: the database cannot be entered or read to the end; no row of any table is to be used then.
    """
    given: dict[Path, int] = {}
    with _engine(url) as engine, _told(url, "the connection"), _snapshot(engine, tables) as connection:
        driver: type[Exception] = engine.dialect.loaded_dbapi.Error
        for table in tables:
            with _told(url, table.called, driver):
                given[table.file] = _copy(connection, table)
    return given


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    scheme, _, rest = url.partition("://")
    try:
        engine = sa.create_engine(f"{DRIVERS.get(scheme, scheme)}://{rest}", poolclass=NullPool, hide_parameters=True)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError, ValueError):
        raise SourceError(
            f"{shown(url)}: no installed driver speaks `{scheme}`.\n"
            f"  allowed: {', '.join(DRIVERS)}, and any other SQLAlchemy URL whose driver is installed\n"
            "  do: fix the address, or install the driver into this environment"
        ) from None
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _snapshot(engine: Engine, tables: Sequence[Copied]) -> Iterator[Connection]:
    """A transaction in which all tables stay as they were when it began, and in which nothing can be written."""
    dialect = engine.dialect.name
    begin = {"postgresql": _begin_postgresql, "mysql": _begin_mysql, "mariadb": _begin_mysql}.get(dialect)
    with engine.connect() as connection:
        try:
            if begin is None:
                connection.begin()
            else:
                begin(connection, [table.table for table in tables if table.table])
            yield connection
        except BaseException:
            connection.invalidate()  # a rollback on a dead connection would hide what it died of
            raise
        connection.rollback()


def _begin_postgresql(connection: Connection, tables: list[str]) -> None:
    """The locks come before the snapshot: a table that somebody rewrote in between would look empty."""
    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    lockable = "select to_regclass(:name)::oid in (select oid from pg_class where relkind in ('r', 'p', 'v'))"
    import sqlalchemy as sa

    quoted = [_quoted(connection, table) for table in tables]
    with connection.begin():
        ours = [name for name in quoted if connection.execute(sa.text(lockable), {"name": name}).scalar()]
    connection.begin()
    for setting in ("timezone to 'UTC'", "datestyle to 'ISO'", "intervalstyle to 'iso_8601'"):
        connection.exec_driver_sql(f"set local {setting}")
    if ours:
        connection.exec_driver_sql(f"lock table {', '.join(ours)} in access share mode")


def _begin_mysql(connection: Connection, tables: list[str]) -> None:
    """A table that somebody alters after the snapshot is refused by the server itself (error 1412)."""
    connection.execution_options(isolation_level="AUTOCOMMIT")
    for statement in (
        "set time_zone = '+00:00'",
        "set net_write_timeout = 3600",
        "set transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    ):
        connection.exec_driver_sql(statement)
    for table in tables:
        connection.exec_driver_sql(f"select * from {_quoted(connection, table)} limit 0")


def _copy(connection: Connection, table: Copied) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    select, columns = _select(connection, table)
    schema = pa.schema([(column, pa.string()) for column in columns])
    table.file.parent.mkdir(parents=True, exist_ok=True)
    text = str(select.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    cursor, given = _cursor(connection), 0
    try:
        with pq.ParquetWriter(table.file, schema, compression="zstd") as out:
            cursor.execute(text, ())  # with parameters, if none: the text has its percent signs doubled
            while batch := cursor.fetchmany(BATCH):
                given += len(batch)
                columnwise = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
                out.write_batch(pa.record_batch(columnwise, schema=schema))
    except BaseException:
        _abandon(connection, cursor)  # the connection is thrown away with it
        raise
    cursor.close()
    return given


def _cursor(connection: Connection) -> Any:
    """A cursor of the driver itself (rows of SQLAlchemy cost three times the reading), that leaves the rows at the server."""
    driver: Any = connection.connection
    if connection.dialect.driver == "psycopg2":
        return driver.cursor("churn_copy")
    if connection.dialect.driver == "pymysql":
        from pymysql.cursors import SSCursor

        return driver.cursor(SSCursor)
    return driver.cursor()


def _abandon(connection: Connection, cursor: Any) -> None:
    """Let go of a cursor whose reading failed: PyMySQL's would read on when it is collected, on a connection that is gone."""
    if connection.dialect.driver == "pymysql":
        cursor.connection = None
        if cursor._result is not None:
            cursor._result.unbuffered_active = False


def _select(connection: Connection, table: Copied) -> tuple[Select[Any], tuple[str, ...]]:
    """The SELECT of all columns as texts, and their names."""
    import sqlalchemy as sa

    relation = _quoted(connection, table.table) if table.table else f"({table.query.rstrip().rstrip(';')}) as asked"
    there = tuple(connection.execute(sa.text(f"select * from {relation} where 1 = 0".replace(":", "\\:"))).keys())
    spelt = {column.lower(): column for column in there}
    columns = tuple(spelt.get(column.lower(), column) for column in table.columns) or there
    lost = [column for column in (table.cursor, *columns) if column and column not in there]
    if lost:
        raise SourceError(
            f"{table.called} has no column {', '.join(lost)}.\n"
            f"  there is: {', '.join(there)}\n  do: fix the mapping: `cursor`, or the columns of the key"
        )
    texts = [sa.cast(sa.column(column), sa.String()).label(column) for column in columns]
    select = sa.select(*texts).select_from(sa.text(relation.replace(":", "\\:")))
    if table.cursor and table.since is not None:
        cursor: Any = sa.column(table.cursor)
        kind: Any = sa.BigInteger() if isinstance(table.since, int) else sa.DateTime(timezone=True)
        select = select.where(sa.or_(cursor.is_(None), cursor >= sa.literal(table.since, kind)))
    return (select if table.most is None else select.limit(table.most)), columns


def _quoted(connection: Connection, table: str) -> str:
    """`schema.table` or `table`, quoted for the server."""
    schema, _, name = table.rpartition(".")
    quote = connection.dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in (schema, name) if part)


@contextmanager
def _told(url: str, what: str, *also: type[Exception]) -> Iterator[None]:
    """What the server says, told as a problem of the source, without password and without the values of rows."""
    from sqlalchemy.exc import DBAPIError

    said: tuple[type[Exception], ...] = (DBAPIError, *also)
    try:
        yield
    except said as error:
        raise SourceError(
            f"{shown(url)}, {what}: {_words(url, error)}\n"
            "  nothing of this reading is used; what was read before is as it was\n"
            "  do: see that the server runs, that the user may read the table and that nobody alters it, then run again"
        ) from None
    except OSError as error:
        raise SourceError(
            f"{shown(url)}, {what}: the copy cannot be written: {error.strerror or error}\n"
            "  nothing of this reading is used; what was read before is as it was\n"
            "  do: make room on the disk, then run again"
        ) from None


def _words(url: str, error: Exception) -> str:
    said = getattr(error, "orig", None) or error
    if "DataError" in {
        kind.__name__ for kind in type(said).__mro__
    }:  # it quotes the value, which may be somebody's name
        return f"a value stops the query ({type(said).__name__})"
    password = unquote(urlsplit(url).password or "")
    words = str(said).strip() or type(said).__name__
    return words.replace(password, "***") if password else words

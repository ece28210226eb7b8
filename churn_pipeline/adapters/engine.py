"""DuckDB in process, over Parquet files: the only place where big data is touched."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

SHARE = 0.8
"""Of the memory limit DuckDB is told this share: what it does not count (text under way, Parquet readers, its allocator's slack) comes on top."""


@dataclass(frozen=True, slots=True)
class Engine:
    """How to open the query engine. It holds no database file: nothing is ever locked."""

    memory: str
    threads: int
    spill: Path

    @property
    def gigabytes(self) -> float:
        """The memory limit as a number."""
        return float(self.memory[:-2]) / {"GB": 1, "MB": 1000}[self.memory[-2:]]

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in UTC with nothing in it, that spills to `spill` beyond its share of the memory limit.

        Connections of one engine share its memory and its threads, and nothing else, as long as they make temporary tables and views only.
        """
        self.spill.mkdir(parents=True, exist_ok=True)
        connection = _instance(self).cursor()
        try:
            yield connection
        finally:
            connection.close()


@lru_cache(maxsize=2)
def _instance(engine: Engine) -> duckdb.DuckDBPyConnection:
    """The database in memory that the connections of an engine belong to: made once, as that takes longer than most queries."""
    import duckdb

    instance = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{engine.gigabytes * SHARE:.3f}GB",
            "threads": str(engine.threads),
            "temp_directory": str(engine.spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    instance.execute("set global TimeZone = 'UTC'")
    # it takes looks for few and then compares each with every row: a landmark table took six times as long
    instance.execute("set global asof_loop_join_threshold = 0")
    return instance


# before the interpreter is taken apart
atexit.register(_instance.cache_clear)


def counted(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query answers with."""
    row = connection.execute(query).fetchone()
    assert row is not None, query
    return int(row[0])


def quoted(text: str | Path) -> str:
    """A text as a SQL string literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def text_or_null(text: str | None) -> str:
    """The same, or a null of the type of a text.

    >>> text_or_null(None)
    'cast(null as varchar)'
    """
    return "cast(null as varchar)" if text is None else quoted(text)


def name(identifier: str) -> str:
    """An identifier, quoted for SQL.

    >>> name('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'

"""DuckDB in process, over Parquet files: the only place where big data is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


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
        """A fresh in-memory connection in UTC, that spills to `spill` beyond its memory limit."""
        import duckdb

        self.spill.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": self.memory,
                "threads": str(self.threads),
                "temp_directory": str(self.spill),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        try:
            connection.execute("set TimeZone = 'UTC'")
            # it takes looks for few and then compares each with every row: a landmark table took six times as long
            connection.execute("set asof_loop_join_threshold = 0")
            yield connection
        finally:
            connection.close()


def quoted(text: str | Path) -> str:
    """A text as a SQL string literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def name(identifier: str) -> str:
    """An identifier, quoted for SQL.

    >>> name('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'

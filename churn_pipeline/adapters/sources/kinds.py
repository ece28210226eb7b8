"""What the values of a column read as, whatever a file or database declares: by that a column is known again tomorrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.spec import Flag, Instant, Real, Type

if TYPE_CHECKING:
    import duckdb

    from churn_pipeline.adapters.sources.reading import FileRows

READ: dict[str, Type] = {"number": Real(), "timestamp": Instant(), "boolean": Flag()}
SAMPLE = 1_000
"""Rows that are looked at, the first of the file."""
LEAST = 20
"""Values that have to be there for a kind to be told from chance."""


def kinds(connection: duckdb.DuckDBPyConnection, rows: FileRows) -> tuple[str, ...]:
    """The kind of each column of a file: `number`, `timestamp` or `boolean` where all values seen are, else `text`.

    Empty where there are too few values to say.
    """
    columns = rows.fact.columns
    if not columns:
        return ()
    counted = ", ".join(
        f"[count({name(c)}), {', '.join(f'count({read_as(type_, name(c))})' for type_ in READ.values())}]"
        for c in columns
    )
    found = connection.execute(
        f"select {counted} from (select * from {rows.view} where _wrong is null limit {SAMPLE})"
    ).fetchone()
    return tuple(_kind(values, hits) for values, *hits in found or ())


def _kind(values: int, hits: list[int]) -> str:
    fitting = [kind for kind, hit in zip(READ, hits, strict=True) if hit == values]
    return (fitting or ["text"])[0] if values >= LEAST else ""

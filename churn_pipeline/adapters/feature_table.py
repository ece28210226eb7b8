"""What a day's feature table was found to be, as rows of the lake."""

from __future__ import annotations

from datetime import datetime

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.contracts.feature_table import NAME, FeatureTable, TableColumn, Use
from churn_pipeline.contracts.lake import FEATURE_TABLE_COLUMNS


def columns_rows(table: FeatureTable) -> str:
    """SQL: one row a column of the table, in order."""
    rows = ", ".join(
        f"({quoted(c.name)}, {quoted(c.kind)}, {quoted(c.use)}, nullif({quoted(c.because)}, ''), "
        f"{quoted(table.positive) if c.use is Use.LABEL else 'null::varchar'})"
        for c in table.columns
    )
    return f"select * from (values {rows}) as found({', '.join(FEATURE_TABLE_COLUMNS.names)})"


def read_columns(lake: Lake, as_of: datetime) -> FeatureTable | None:
    """What the feature table of a day was found to be; null where the business has none.

    Raises:
        ValueError: the lake holds columns without a label.
    """
    if not lake.has(FEATURE_TABLE_COLUMNS.name, as_of):
        return None
    rows = lake.read(FEATURE_TABLE_COLUMNS.name, as_of).to_pylist()
    columns = tuple(TableColumn(r["column_name"], r["kind"], Use(r["used_as"]), r["because"] or "") for r in rows)
    (positive,) = (row["positive"] for row in rows if row["used_as"] == Use.LABEL)
    return FeatureTable(columns, positive)


def require_columns(lake: Lake, as_of: datetime) -> FeatureTable:
    """What the feature table of a day was found to be.

    Raises:
        LakeError: none has been read for that day.
    """
    table = read_columns(lake, as_of)
    if table is None:
        day = f"{as_of:%Y-%m-%d}"
        raise LakeError(f"no feature table has been read for {day}\n  do: churn run --as-of {day} with its mapping")
    return table


def every_row_labelled(lake: Lake, as_of: datetime) -> bool:
    """Whether the feature table of a day left nobody to score, so that rows with a label were; false where the business has none."""
    table = read_columns(lake, as_of)
    if table is None or not lake.has(NAME, as_of):
        return False
    found = lake.read(
        NAME, as_of, select=f"count(*) > 0 and count(*) = count({name(table.label)}) as whole"
    ).to_pylist()
    return bool(found[0]["whole"])

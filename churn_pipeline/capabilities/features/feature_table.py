"""A team's own feature table as labels, training set and snapshots of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from churn_pipeline.adapters.feature_table import require_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.snapshots import Drawn
from churn_pipeline.contracts.feature_table import NAME
from churn_pipeline.contracts.lake import LABELS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.feature_table import labels_query, newest_query, running_query, training_query

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Scored:
    """How many entities are to be scored, and who they are."""

    rows: int
    who: str


def write_table_labels(lake: Lake, as_of: datetime) -> int:
    """Write what became of each entity; a label that an earlier day knew keeps the day on which it was first known.

    Raises:
        LakeError: no feature table has been read for that day.
    """
    table = require_columns(lake, as_of)
    query = labels_query(table, lake.rows(NAME, as_of), sql_instant(as_of))
    before = lake.newest_before(LABELS.name, as_of)
    if before is not None:
        query = (
            "select now.* replace (case when was.converted = now.converted then was.matured_at else now.matured_at end "
            f"as matured_at) from ({query}) as now left join ({lake.rows(LABELS.name, before)}) as was using (trial_id) order by trial_id"
        )
    with lake.engine.connection() as connection:
        return lake.write(connection, LABELS.name, as_of, query)


def write_table_training_set(lake: Lake, as_of: datetime, most_rows: int) -> Drawn:
    """Write the rows that have a label; beyond `most_rows` of them whole entities are drawn.

    Raises:
        LakeError: no feature table has been read for that day.
    """
    query = partial(training_query, require_columns(lake, as_of), lake.rows(NAME, as_of), sql_instant(as_of))
    with lake.engine.connection() as connection:
        of = _rows(connection, query())
        rows = lake.write(connection, TRAINING_SET.name, as_of, query(share=most_rows / max(of, 1)))
    return Drawn(rows, of)


def write_table_snapshots(lake: Lake, as_of: datetime, *, segment: str | None, test_share: float) -> Scored:
    """Write the entities to score: those that have no label yet, or, where every one has, those that models are only tested on.

    Raises:
        LakeError: no feature table has been read for that day.
    """
    table, rows = require_columns(lake, as_of), lake.rows(NAME, as_of)
    running = running_query(table, rows, sql_instant(as_of), segment)
    with lake.engine.connection() as connection:
        if waiting := lake.write(connection, SNAPSHOTS.name, as_of, running):
            return Scored(waiting, f"the rows without a {table.label}")
        newest = newest_query(table, rows, sql_instant(as_of), test_share, segment)
        tested = lake.write(connection, SNAPSHOTS.name, as_of, newest)
    return Scored(
        tested,
        f"every row has its {table.label}: scored is the {test_share:.0%} that models are tested on and never fitted on",
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (rows,) = connection.execute(f"select count(*) from ({query})").fetchone() or (0,)
    return int(rows)

"""The partitions of the whole graph: days.

The partition `2024-05-01` of an asset is that thing as of midnight UTC at which that day begins: it knows only what was
known strictly before it.
"""

from datetime import datetime

import dagster as dg

from churn_pipeline.core.clock import midnight

FIRST_DAY = "1990-01-01"
"""Early enough for any history; a day costs nothing until it is materialized."""

# The day that begins at the next midnight is a partition too: it is the as_of of a run over everything known by now.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC", end_offset=2)


def as_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> datetime:
    """The instant this run looks from: midnight UTC at the start of its partition's day."""
    return midnight(DAYS.time_window_for_partition_key(context.partition_key).start.date())

"""What a user's own features come to: at the trials that run on a day, how many have a value, and from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.features.snapshots import knowing
from churn_pipeline.contracts.features.own import OWN, Own
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import running_looks
from churn_pipeline.core.featurize.query import snapshots_query


@dataclass(frozen=True, slots=True)
class Spread:
    """One feature at `looks` trials, `known` of which have a value; without one the other three are 0."""

    name: str
    looks: int
    known: int
    least: float
    mean: float
    most: float

    def __str__(self) -> str:
        """A line for people."""
        if not self.known:
            return f"{self.name}: no value at any of {self.looks:,} running trials"
        values = f"least {self.least:,.6g}, mean {self.mean:,.6g}, greatest {self.most:,.6g}"
        return f"{self.name}: {values}; has a value at {self.known:,} of {self.looks:,} running trials"


def spread(lake: Lake, own: Own, *, as_of: datetime) -> tuple[Spread, ...]:
    """Compute a user's `own` features for the trials that run at `as_of`, and count; in the order of the files."""
    if not own:
        return ()
    query = snapshots_query(running_looks(sql_instant(as_of)), features=(), named=(OWN,), own=own)
    keys = ", ".join(
        f"{{'key': {quoted(one.key)}, 'name': {quoted(one.name)}, 'place': {n}}}" for n, one in enumerate(own)
    )
    with knowing(lake, as_of) as connection:
        found = connection.execute(
            f"with looks as ({query}), told as (select unnest([{keys}], recursive := true)) "
            f"select name, count(as_of), count({OWN.name}[key]), coalesce(min({OWN.name}[key]), 0), "
            f"coalesce(avg({OWN.name}[key]), 0), coalesce(max({OWN.name}[key]), 0) "
            "from told left join looks on true group by name, place order by place"
        ).fetchall()
    return tuple(Spread(*row) for row in found)

"""Features of a user's own, as SQL: aggregates over what a look knows, so that none of them can know the future.

An expression sees no table. It is given the records of one trial that became known before the look, one row each, with the
columns of `offered`; what arrived at or after the look is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from churn_pipeline.contracts.features.own import OWN, Over, OwnFeature
from churn_pipeline.contracts.raw import EVENTS, TOUCHES, TRIALS
from churn_pipeline.contracts.spec import Privacy, Table
from churn_pipeline.core.featurize.looks import ATTRIBUTES

RECORDS: Mapping[Over, tuple[Table, str]] = {"events": (EVENTS, "occurred_at"), "touches": (TOUCHES, "sent_at")}
"""What can be aggregated, of the trial it belongs to: the table, and when a record of it happened."""
HIDDEN = frozenset(
    {
        "consent_profiling",
        *(c.name for table, _ in RECORDS.values() for c in table.columns if c.privacy is Privacy.PERSONAL),
    }
)
"""What no score may depend on."""
NOTHING = f"cast(null as map(varchar, double)) as {OWN.name}"


def offered(over: Over) -> dict[str, str]:
    """The columns that an expression may use, each as SQL over the record r and the look s.

    Of the look: `as_of`, `started_at`, `trial_days`, `trial_day` and the attributes of the trial as they were known by then. A column
    of the record goes before an attribute of the same name.
    """
    table, _ = RECORDS[over]
    looked = ("as_of", *(c for c in TRIALS.fixed if c != table.trial), "trial_day", *ATTRIBUTES)
    columns = {name: f"s.{name}" for name in looked} | {
        name: f"r.{name}" for name in table.names if name != table.trial
    }
    return {name: sql for name, sql in columns.items() if name not in HIDDEN}


def told(own: Sequence[OwnFeature], *, same: str) -> list[str]:
    """SQL: relation `own_told`, for each look the map of all of them, and what it is made of.

    `same` restricts the records r to those of the bucket that is worked on.
    """
    parts = {over: [one for one in own if one.over == over] for over in get_args(Over)}
    used = {over: ones for over, ones in parts.items() if ones}
    values = ", ".join(f"'{one.key}': {_value(one)}" for one in own)
    joined = "".join(f" left join own_{over} using (trial, after)" for over in used)
    return [
        *(_aggregated(over, ones, same) for over, ones in used.items()),
        f"own_told as (select trial, after, map {{{values}}} as {OWN.name} from seen{joined})",
    ]


def _aggregated(over: Over, own: Sequence[OwnFeature], same: str) -> str:
    """SQL: a row for each look that knows a record."""
    table, happened = RECORDS[over]
    columns = ", ".join(f"{sql} as {name}" for name, sql in offered(over).items())
    # each expression on lines of its own: it may end with a comment
    aggregates = ", ".join(f"(\n{one.sql}\n) as own_{one.name}" for one in own)
    return f"""own_{over} as (
  select trial, after, {aggregates}
  from (
    select s.trial, s.after, {columns}
    from seen s join looked k using (trial) join {table.name} r on r.{table.trial} = k.trial_id and r.known_at < s.as_of
    where r.{happened} >= k.opens{same}
  ) group by trial, after
)"""


def _value(one: OwnFeature) -> str:
    given = f"cast(own_{one.over}.own_{one.name} as double)"
    # rounded: the order of rows is in the last digits of a sum; a division by nothing is infinite here, or no number
    number = f"case when isfinite({given}) then round({given}, 6) end"
    return number if one.absent else f"coalesce({number}, 0)"

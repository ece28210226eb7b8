"""What goes wrong on the way: records that are delivered twice, some of them damaged. Nothing good is ever lost by it.

A damaged line is always a second delivery of a good record, so the good records are those of a clean world, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.arrow import moments, words
from churn_pipeline.capabilities.simulation.calendar import Whole
from churn_pipeline.capabilities.simulation.noise import uniform
from churn_pipeline.capabilities.simulation.parameters import Parameters
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    import pyarrow as pa

DELIVERED_AGAIN = (TRIALS, EVENTS, SUBSCRIPTIONS)
"""The tables of which records come twice."""
COPY = "copy"
"""What an exact copy is called; everything else is called by the rule of the contract that it breaks."""
LATE, LATE_SECONDS = "late", 120
"""What an event is called that arrived more than so many seconds after it happened."""
LINE, CUT = "unreadable_line", 3
"""A line that breaks off is left with so many fields."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to damage a record: the rule that the damaged one breaks, and the text that one of its columns gets."""

    rule: str
    column: str = ""
    text: str | None = None


FAULTS = {
    "trials": (
        Fault("wrong_type_started_at", "started_at", "13/45/2026"),
        Fault("missing_key", "trial_id", None),
        Fault("out_of_bounds_trial_days", "trial_days", "0"),
        Fault(LINE),
    ),
    "events": (
        Fault("wrong_type_occurred_at", "occurred_at", "13/45/2026"),
        Fault("missing_key", "event_id", None),
        Fault("unknown_trial", "trial_id", "t_nobody"),
        Fault("out_of_bounds_event_name", "event_name", "x" * 201),
        Fault("duplicate_key", "event_name", "~other"),
        Fault(LINE),
    ),
    "subscriptions": (
        Fault("wrong_type_started_at", "started_at", "13/45/2026"),
        Fault("missing_key", "subscription_id", None),
        Fault("unknown_trial", "trial_id", "t_nobody"),
        Fault("out_of_bounds_mrr", "mrr", "-1"),
        Fault(LINE),
    ),
}
"""By table, all equally likely. Of two contents of one key the pipeline keeps the first in order: `~` comes last."""


def draw_dirt(parameters: Parameters, table: Table, number: Whole, records: pa.Table, known: Whole) -> pa.Table:
    """What is delivered of these records a second time: table_name, rule, known_at and the line, in the order of the records.

    `number` tells each record from every other; `known` is the moment at which it becomes known.
    """
    seed, name = parameters.seed, table.name
    again = np.flatnonzero(uniform(seed, f"again/{name}", number) < parameters.again_share)
    u = uniform(seed, f"damaged/{name}", number[again]) / max(parameters.damaged_share, 1e-12)
    faults = FAULTS[name]
    fault = np.where(u < 1, np.minimum(u, 1) * len(faults), len(faults)).astype(np.int64)
    rules = [*(f.rule for f in faults), COPY]
    return _table(
        table_name=words(np.zeros(len(again), np.int64), [name]),
        rule=words(fault, rules),
        known_at=moments(known[again]),
        line=_lines(records.take(again), faults, fault),
    )


def planted(events: pa.Table, dirt: pa.Table) -> pa.Table:
    """How many rows of each table were delivered how: table_name, rule (or `copy`, or `late`), rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = dirt.group_by(["table_name", "rule"]).aggregate([([], "count_all")]).rename_columns({"count_all": "rows"})
    took = pc.subtract(events["received_at"], events["occurred_at"]).cast(pa.int64())
    late = pc.sum(pc.greater(took, LATE_SECONDS * 1_000_000)).as_py() or 0
    delayed = pa.table({"table_name": [EVENTS.name], "rule": [LATE], "rows": [late]})
    return pa.concat_tables([counted, delayed]).sort_by([("table_name", "ascending"), ("rule", "ascending")])


def header(table: Table) -> str:
    """The first line of a file of such lines."""
    return ",".join(table.names)


def _table(**columns: pa.Array) -> pa.Table:
    import pyarrow as pa

    return pa.table(columns)


def _lines(records: pa.Table, faults: tuple[Fault, ...], fault: Whole) -> pa.Array:
    """The records as lines of a CSV file, damaged as drawn."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: records[name].combine_chunks().cast(pa.string()) for name in records.column_names}
    for place, one in enumerate(faults):
        if one.column:
            columns[one.column] = pc.if_else(fault == place, pa.scalar(one.text, pa.string()), columns[one.column])
    fields = [pc.fill_null(_quoted(column), "") for column in columns.values()]
    cut = pc.binary_join_element_wise(*fields[:CUT], ",")
    broken = np.array([*(one.rule == LINE for one in faults), False])[fault]
    return pc.if_else(broken, cut, pc.binary_join_element_wise(*fields, ","))


def _quoted(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")

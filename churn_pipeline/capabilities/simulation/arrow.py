"""Arrays of the simulated business as Arrow columns and tables in the raw contract."""

from __future__ import annotations

from collections.abc import Sized
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import Flags, Floats, Whole
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import Table

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa


def in_contract(table: Table, **columns: Sized) -> pa.Table:
    """The columns in the contract's order and types; a column that is not given is null throughout."""
    import pyarrow as pa

    schema = arrow_schema(table)
    rows = len(next(iter(columns.values())))
    given = [columns.get(field.name) for field in schema]
    filled = [pa.nulls(rows, f.type) if c is None else pa.array(c) for f, c in zip(schema, given, strict=True)]
    return pa.table(filled, names=list(schema.names)).cast(schema)


def moments(milliseconds: Whole, known: Flags | None = None) -> pa.Array:
    """Moments (UTC); null where not known."""
    import pyarrow as pa

    return pa.array(milliseconds * 1_000, mask=None if known is None else ~known).view(pa.timestamp("us", tz="UTC"))


def amounts(hundredths: Whole) -> pa.Array:
    """Amounts of money, exactly."""
    import pyarrow as pa

    # a whole number of ten-thousandths is a decimal of four digits, bit by bit
    low = (hundredths * 100).astype(np.int64)
    halves = np.column_stack([low, low >> 63])
    return pa.Array.from_buffers(pa.decimal128(18, 4), len(low), [None, pa.py_buffer(halves.tobytes())])


def words(places: Whole, names: tuple[str, ...] | list[str], known: Flags | None = None) -> pa.Array:
    """The names at those places; null where not known."""
    import pyarrow as pa

    return pa.array(names).take(numbers(places, known))


def numbers(values: Whole | Floats, known: Flags | None = None) -> pa.Array:
    """The numbers; null where not known."""
    import pyarrow as pa

    return pa.array(values, mask=None if known is None else ~known)


def only(known: Flags, values: pa.Array) -> pa.Array:
    """The values; null where not known."""
    import pyarrow.compute as pc

    return pc.if_else(known, values, None)


def known_before(records: pa.Table, table: Table, moment: datetime) -> pa.Table:
    """The records of which everything was known before `moment` (a null moment was always known)."""
    import pyarrow.compute as pc

    names = (*table.known_at, *((table.versioned_by,) if table.versioned_by else ()))
    known = (pc.fill_null(pc.less(records[name], moment), True) for name in names)
    return records.filter(reduce(pc.and_, known))

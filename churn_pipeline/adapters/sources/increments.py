"""By which column a table is read, and from when on: what was read before is not read again, but for a look-back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from churn_pipeline.adapters.sources.mapping import Mapped
from churn_pipeline.contracts.spec import Presence, Table

ARRIVAL = "received_at"


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to which moment or number of its cursor a table has been read and landed, from which source and by which mapping."""

    table: str
    cursor: str
    read_up_to: datetime | int
    origin: str


@dataclass(frozen=True, slots=True)
class Increment:
    """How a table is read: by `cursor`, from `since` on (null: from the beginning). `origin` marks source and mapping."""

    cursor: str
    since: datetime | int | None
    origin: str


def increment(
    table: Table,
    mapped: Mapped | None,
    own: Sequence[str],
    *,
    address: str,
    marks: Mapping[str, Watermark],
    look_back: timedelta,
    look_back_rows: int,
) -> Increment | None:
    """How a table is read that has the columns `own` at the source; null where it has no cursor.

    It goes back by `look_back` before a moment, by `look_back_rows` before a number.

    A watermark holds as long as source, mapping and cursor are those it was set with. Outcomes are read whole: a label
    rests on all of them, those in quarantine too.
    """
    cursor = _cursor(table, mapped, own)
    if cursor is None or table.presence is Presence.FOR_TRAINING:
        return None
    said = mapped.model_dump_json() if mapped else ""
    origin = sha256("\n".join((address, said, cursor)).encode()).hexdigest()[:16]
    mark = marks.get(table.name)
    if mark is None or mark.origin != origin:
        return Increment(cursor, None, origin)
    at = mark.read_up_to
    return Increment(cursor, at - look_back_rows if isinstance(at, int) else at - look_back, origin)


def _cursor(table: Table, mapped: Mapped | None, own: Sequence[str]) -> str | None:
    """The cursor that the mapping names, else the column that becomes the version or the arrival of a record."""
    if mapped is not None and (mapped.cursor or mapped.select):
        return mapped.cursor
    grows = table.versioned_by or (ARRIVAL if ARRIVAL in table.names else None)
    taken = mapped.columns.get(grows) if mapped is not None and grows is not None else None
    if taken is not None:
        return taken.column if taken.format is None else None
    return next((column for column in own if column.lower() == grows), None)

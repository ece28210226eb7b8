"""Days and midnights."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

DAY = 86_400_000_000
"""Microseconds."""


def midnight(day: date) -> datetime:
    """The instant a day begins, in UTC.

    >>> midnight(date(2024, 5, 1)).isoformat()
    '2024-05-01T00:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=UTC)


def midnight_after(instant: datetime) -> datetime:
    """The first midnight UTC strictly after an instant.

    >>> midnight_after(datetime(2024, 5, 1, 10, tzinfo=UTC)).isoformat()
    '2024-05-02T00:00:00+00:00'
    """
    return midnight(instant.astimezone(UTC).date() + timedelta(days=1))


def sql_instant(instant: datetime) -> str:
    """An instant as a DuckDB literal.

    >>> sql_instant(midnight(date(2024, 5, 1)))
    "timestamptz '2024-05-01T00:00:00+00:00'"
    """
    return f"timestamptz '{instant.isoformat()}'"

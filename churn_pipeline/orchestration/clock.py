"""The clock, as a resource: read at the edge, handed down as an argument."""

from datetime import UTC, datetime


class Clock:
    """Tells the time. Tests put a fixed one in its place."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(tz=UTC)

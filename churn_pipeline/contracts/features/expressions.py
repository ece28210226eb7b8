"""Pieces of SQL that several families write the same way."""


def hours(microseconds: str) -> str:
    """Whole microseconds as hours; whole until here, so that every engine agrees to the last bit."""
    return f"cast({microseconds} as double) / 3600000000.0"


def minutes(microseconds: str) -> str:
    """Whole microseconds as minutes."""
    return f"cast({microseconds} as double) / 60000000.0"


def last(days: int, *, after: int = 0) -> str:
    """Events of so many days, those before the last `after` days; over days."""
    until = f" and day < today - {after}" if after else ""
    return f"coalesce(sum(n) filter (day >= today - {days + after}{until}), 0)"


def entropy() -> str:
    """How evenly the events fall on the keys of a grain: 0 where all are of one, ln k where each of k has as many; in nats.

    H = ln N - sum(n ln n) / N (Shannon 1948), the sum in whole millionths so that it does not depend on the order in which
    threads come.
    """
    return "round(ln(cast(sum(n) as double)) - cast(sum(cast(round(n * ln(n) * 1e6) as bigint)) as double) / 1e6 / sum(n), 6)"

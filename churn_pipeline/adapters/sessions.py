"""Connections for bulk rows (ADBC), kept from one transaction to the next: to open one takes longer than most of what we ask."""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

MOST_IDLE = 4
"""Connections that wait for the next one who asks; of more the oldest is closed."""
_idle: deque[tuple[str, Any]] = deque()
_taking = Lock()


@contextmanager
def session(url: str) -> Iterator[tuple[Any, Any]]:
    """A connection and a cursor of it, in a transaction of its own: what is not committed in the end is rolled back.

    Nobody else has the connection meanwhile. One that the server has closed since, or on which something failed, is not used again.
    """
    connection = _waiting(url) or _opened(url)
    try:
        with connection.cursor() as cursor:
            yield connection, cursor
        connection.rollback()
    except BaseException:
        _close(connection)
        raise
    _keep(url, connection)


def close_idle() -> None:
    """Close every connection that waits."""
    with _taking:
        while _idle:
            _close(_idle.popleft()[1])


def _opened(url: str) -> Any:
    import adbc_driver_postgresql.dbapi

    return adbc_driver_postgresql.dbapi.connect(url)


def _waiting(url: str) -> Any | None:
    """One that waits and still answers."""
    import adbc_driver_manager

    while (connection := _taken(url)) is not None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
                cursor.fetchone()
        except adbc_driver_manager.Error:
            _close(connection)
        else:
            return connection
    return None


def _taken(url: str) -> Any | None:
    with _taking:
        for place, (of, connection) in enumerate(_idle):
            if of == url:
                del _idle[place]
                return connection
    return None


def _keep(url: str, connection: Any) -> None:
    with _taking:
        _idle.append((url, connection))
        oldest = _idle.popleft()[1] if len(_idle) > MOST_IDLE else None
    if oldest is not None:
        _close(oldest)


def _close(connection: Any) -> None:
    import adbc_driver_manager

    with suppress(adbc_driver_manager.Error):
        connection.close()


atexit.register(close_idle)

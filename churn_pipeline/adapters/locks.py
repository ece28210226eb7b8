"""Locks that one process of a business can hold at a time: PostgreSQL's advisory locks, which fall with their session at the latest."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_pipeline.adapters.postgres import connect

if TYPE_CHECKING:
    import psycopg2.extensions

WRITERS = "writers"
"""The lock of whoever writes a business's tables or decides about its models."""


class Busy(Exception):  # noqa: N818 - that somebody else works is a state of the world, not an error
    """Another process holds the lock; says who and since when."""


@dataclass(frozen=True, slots=True, eq=False)
class Lock:
    """A lock that was taken, and the session that holds it."""

    what: str
    session: psycopg2.extensions.connection

    def held(self) -> bool:
        """Whether the session still stands: a server that was stopped and started again has forgotten the lock."""
        import psycopg2

        try:
            with self.session.cursor() as cursor:
                cursor.execute("select 1")
        except psycopg2.Error:
            return False
        return True


@contextmanager
def hold(url: str, what: str, *, key: int) -> Iterator[Lock]:
    """Hold the lock of a key while the block runs; the server frees it if we die.

    Raises:
        Busy: another process holds it.
    """
    import psycopg2

    with closing(connect(url)) as session:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(
                "select set_config('application_name', %s, false), pg_try_advisory_lock(%s)",
                [f"churn: process {os.getpid()} on {socket.gethostname()}"[:63], key],
            )
            ((_, taken),) = cursor.fetchall()
            if not taken:
                raise Busy(
                    f"another process is at work (lock `{what}`): {_holder(cursor, key)}.\n  do: wait until it is done, or stop it"
                )
        try:
            yield Lock(what, session)
        finally:
            # a server ends a closed session, and frees its locks, only after a while: who comes next would find it held
            with suppress(psycopg2.Error), session.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", [key])


def _holder(cursor: psycopg2.extensions.cursor, key: int) -> str:
    cursor.execute(
        "select regexp_replace(application_name, '^churn: ', '') || ', since ' || to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' "
        "from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and granted and objsubid = 1 "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and (classid::bigint << 32) | objid::bigint = %s",
        [key],
    )
    found = cursor.fetchone()
    return str(found[0]) if found else "a process that has just ended"

"""Databases that begin with MLflow's tables, as copies of one in which MLflow has made them.

It makes them by some seventy migrations, in seconds of both sides' time, for every business anew. Who has a server
of its own (the daemon, the browser, the killed runs, the README) goes all the way.
"""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from functools import cache
from urllib.parse import urlsplit

from churn_pipeline.adapters.postgres import SCHEMAS, connect, located

SCHEMA = "mlflow"


def begin(url: str) -> None:
    """Make a database that holds nothing yet anew, with MLflow's tables; one that holds something stays as it is."""
    if _holds(url, "pg_stat_user_tables") or _holds(url, "pg_namespace where nspname = any(%s)", list(SCHEMAS)):
        return
    name = urlsplit(url).path.lstrip("/")
    server = os.environ.get("CHURN_TEST_POSTGRES_URL") or sibling(url, "postgres")
    original = _original(server)
    execute(server, f"drop database {name}")
    execute(server, f"create database {name} template {original}")


def forget(url: str) -> None:
    """Drop the original from the server that CHURN_TEST_POSTGRES_URL names, if this process has made one."""
    if _original.cache_info().currsize:
        execute(url, f"drop database {_original(url)}")
        _original.cache_clear()


def sibling(url: str, name: str) -> str:
    """Another database of the same server.

    >>> sibling("postgresql://me@/one?host=/tmp", "two")
    'postgresql://me@/two?host=/tmp'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


def execute(url: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)


def _holds(url: str, what: str, *values: object) -> bool:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select exists (select from {what})", values or None)
        found = cursor.fetchone()
        return found is not None and bool(found[0])


@cache
def _original(server: str) -> str:
    """Name of a database in which nothing is but MLflow's tables; nobody stays connected to it."""
    import sqlalchemy as sa
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy.pool import NullPool

    name = f"churn_original_{secrets.token_hex(6)}"
    execute(server, f"create database {name}")
    execute(sibling(server, name), f"create schema {SCHEMA}")
    execute(sibling(server, name), f"comment on schema {SCHEMA} is '{SCHEMAS[SCHEMA]}'")
    url = located(sibling(server, name), schema=SCHEMA, driver="postgresql+psycopg2")
    engine = sa.create_engine(url, poolclass=NullPool)
    _initialize_tables(engine)  # type: ignore[no-untyped-call] # MLflow says no types here
    engine.dispose()
    return name

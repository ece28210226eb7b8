"""Where the database is: one database per business, with one schema for each of those who keep tables in it.

Without `CHURN_POSTGRES_URL` it lies on the embedded server, which the first who asks starts. With it, the same schemas
are made inside the database it names. A database belongs to one business with one source; both are written on its schema
`analytics`, so that neither a second business nor another source of the same name gets into the tables of the first.
"""

from __future__ import annotations

import re
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from churn_pipeline.adapters.embedded_postgres import running_server
from churn_pipeline.adapters.postgres_place import Place
from churn_pipeline.core.spelling import did_you_mean
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import psycopg2.extensions

SCHEMAS = {
    "dagster": "Runs, events and schedules of Dagster.",
    "mlflow": "Experiments, runs and registered models of MLflow.",
    "optuna": "Studies of Optuna.",
    "analytics": "",
}
DATABASE = "churn_"
"""What the name of a business's database on the embedded server begins with."""
CLAIM = re.compile(r"Tables that people read, of business `([^`]*)`\.(?: Its source: `(.*)`\.)?")
"""The comment on schema `analytics`: whose it is, and from where."""
NOTICED: dict[str, Any] = {"keepalives_idle": 60, "tcp_user_timeout": 60_000}
"""Of a psycopg2 connection: a server that has vanished without a word is noticed within a minute or two (seconds, milliseconds)."""
PREPARING = 7_305_224_511_871_041
"""Key of the advisory lock under which schemas are made (any constant)."""


class DatabaseError(Exception):
    """The database cannot be reached, or is not ours; says which and what to do."""


def database_url(settings: Settings, *, schema: str | None = None, driver: str | None = None) -> str:
    """The URL of this business's database, which is there and claimed when this returns. It holds the password.

    Args:
        settings: of this process; names the business and, optionally, the server.
        schema: what unqualified names mean: `dagster`, `mlflow`, `optuna` or `analytics`.
        driver: the scheme, for SQLAlchemy: `postgresql+psycopg2`.

    Raises:
        DatabaseError: the server cannot be reached, or the database belongs to another business or another source.
        EmbeddedPostgresError: the embedded server cannot be started.
    """
    if schema is not None and schema not in SCHEMAS:
        raise ValueError(f"no schema {schema!r} is kept; there are: {', '.join(SCHEMAS)}")
    given = settings.postgres_url
    base = _embedded_database(settings) if given is None else given.get_secret_value()
    _prepare(base, settings)
    return located(base, schema=schema, driver=driver)


def require_business(settings: Settings) -> None:
    """Return if something has been run on the business that the settings name. Makes nothing, not even a server.

    Raises:
        DatabaseError: there is no such business; says which there are.
    """
    there = businesses(settings)
    if settings.business not in there:
        raise DatabaseError(
            f"nothing has been run on business `{settings.business}`{did_you_mean(settings.business, there)}\n"
            f"  allowed: {', '.join(there) or 'none yet: churn run makes the first'}\n"
            "  do: name one by its --source and --mapping, or in CHURN_BUSINESS; without them it is the demo"
        )


def businesses(settings: Settings) -> list[str]:
    """The businesses that the server keeps tables of, in order of their names.

    Raises:
        DatabaseError: the server cannot be reached.
        EmbeddedPostgresError: the embedded server is there and cannot be started.
    """
    if settings.postgres_url is not None:
        with closing(connect(settings.postgres_url.get_secret_value())) as connection:
            owner, _ = _claimed(_comments(connection).get("analytics"))
        return [owner] if owner else []
    if not Place(settings.data_dir).cluster.exists():
        return []
    with closing(connect(running_server(settings.data_dir).url())) as connection, connection.cursor() as cursor:
        cursor.execute("select datname from pg_database where starts_with(datname, %s) order by 1", [DATABASE])
        return [str(name).removeprefix(DATABASE) for (name,) in cursor.fetchall()]


def drop_business(settings: Settings) -> None:
    """Drop the database of the business on the embedded server, whoever is connected to it; it may not be there.

    Raises:
        DatabaseError: the server cannot be reached, or it is one that is not ours to drop anything on.
        EmbeddedPostgresError: the embedded server cannot be started.
    """
    if settings.postgres_url is not None:
        raise DatabaseError(
            f"the tables of business `{settings.business}` lie in a PostgreSQL of your own (CHURN_POSTGRES_URL), where nothing is dropped.\n"
            f"  do: `drop schema if exists {', '.join(SCHEMAS)} cascade` in that database, and remove the folder {settings.home}"
        )
    if settings.business in businesses(settings):
        with closing(connect(running_server(settings.data_dir).url())) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(f'drop database if exists "{DATABASE}{settings.business}" with (force)')


def located(url: str, *, schema: str | None = None, driver: str | None = None) -> str:
    """The same database under another scheme, with another search path.

    >>> located("postgres://me@db/shop?sslmode=require", schema="mlflow", driver="postgresql+psycopg2")
    'postgresql+psycopg2://me@db/shop?sslmode=require&options=-csearch_path%3Dmlflow'
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if schema is not None:
        given = [word for word in query.get("options", "").split() if not word.startswith("-csearch_path=")]
        query["options"] = " ".join([*given, f"-csearch_path={schema}"])
    asked = f"?{urlencode(query, quote_via=quote, safe='')}" if query else ""
    return f"{driver or 'postgresql'}://{parts.netloc}{parts.path}{asked}"


def connect(url: str) -> psycopg2.extensions.connection:
    """A psycopg2 connection; a server that has vanished without a word is noticed within a minute or two.

    Raises:
        DatabaseError: the server does not answer or does not let us in.
    """
    import psycopg2

    try:
        connection: psycopg2.extensions.connection = psycopg2.connect(located(url), **NOTICED)
        return connection
    except psycopg2.OperationalError as error:
        parts = urlsplit(url)
        raise DatabaseError(
            f"the database {parts.path.lstrip('/')} cannot be entered: {str(error).strip()}\n"
            "  do: check CHURN_POSTGRES_URL (postgresql://user:password@host:port/database) and that the server runs"
        ) from None


def _embedded_database(settings: Settings) -> str:
    import psycopg2

    server = running_server(settings.data_dir)
    database = DATABASE + settings.business
    with closing(connect(server.url())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("select from pg_database where datname = %s", [database])
        if cursor.fetchone() is None:
            # where another process is quicker it is there, as asked
            with suppress(psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
                cursor.execute(f'create database "{database}"')
    return server.url(database)


def _prepare(url: str, settings: Settings) -> None:
    """Make the schemas and claim the database; a look is enough where that has been done."""
    with closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        found = _comments(connection)
        if _missing(found) or found["analytics"] != _claim(settings, found["analytics"]):
            cursor.execute("select pg_advisory_xact_lock(%s)", [PREPARING])
            _make_schemas(connection, settings, url)


def _make_schemas(connection: psycopg2.extensions.connection, settings: Settings, url: str) -> None:
    found = _comments(connection)
    _refuse_if_taken(connection, found.get("analytics"), settings.business, url)
    _refuse_another_source(found.get("analytics"), settings)
    with connection.cursor() as cursor:
        for schema in _missing(found):
            cursor.execute(f"create schema {schema}")
            if SCHEMAS[schema]:
                cursor.execute(f"comment on schema {schema} is %s", [SCHEMAS[schema]])
        cursor.execute("comment on schema analytics is %s", [_claim(settings, found.get("analytics"))])


def _refuse_if_taken(connection: psycopg2.extensions.connection, comment: str | None, business: str, url: str) -> None:
    owner, _ = _claimed(comment)
    if owner == business:
        return
    database = urlsplit(url).path.lstrip("/")
    do = "  do: make an empty database for this business and name it in CHURN_POSTGRES_URL"
    if owner:
        raise DatabaseError(
            f"database {database} belongs to business `{owner}`; this is business `{business}`, and one database holds one business.\n{do},\n"
            f"      or set CHURN_BUSINESS={owner} if that is who you are"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relnamespace = to_regnamespace('analytics') and relkind in ('r', 'p', 'v', 'm') order by 1 limit 5"
        )
        others = [name for (name,) in cursor.fetchall()]
    if others:
        raise DatabaseError(
            f"database {database} has a schema analytics with tables that are not ours ({', '.join(others)}).\n{do}"
        )


def _refuse_another_source(comment: str | None, settings: Settings) -> None:
    """Of two folders of one name each would be taken for the other; whoever gives the business its name knows which is meant."""
    _, place = _claimed(comment)
    if place and settings.place and place != settings.place and not settings.named_by_hand:
        raise DatabaseError(
            f"business `{settings.business}` has its source at {place}; {settings.place} is another place of that name.\n"
            "  allowed: one source for a business that is called after it\n"
            f"  do: if this is another business, give it a name of its own: CHURN_BUSINESS=NAME, or `business` in its mapping;\n"
            f"      if the source has moved, say once that it is the same: CHURN_BUSINESS={settings.business}"
        )


def _comments(connection: psycopg2.extensions.connection) -> dict[str, str | None]:
    """Those of our schemas that are there, and the comment on each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace where nspname = any(%s)",
            [list(SCHEMAS)],
        )
        return dict(cursor.fetchall())


def _missing(found: dict[str, str | None]) -> list[str]:
    return [schema for schema in SCHEMAS if schema not in found]


def _claimed(comment: str | None) -> tuple[str, str]:
    """The business that a comment on the schema claims it for, and the place of its source; empty where it says nothing of it."""
    found = CLAIM.fullmatch(comment or "")
    return (found[1], found[2] or "") if found else ("", "")


def _claim(settings: Settings, comment: str | None) -> str:
    """The comment that claims the schema; without a source at hand that of before stays."""
    place = settings.place or _claimed(comment)[1]
    return f"Tables that people read, of business `{settings.business}`." + (
        f" Its source: `{place}`." if place else ""
    )

"""The registered versions of a model as MLflow's tables hold them: to read a handful of rows MLflow itself takes seconds to load."""

from __future__ import annotations

from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.postgres import connect

if TYPE_CHECKING:
    import psycopg2.extensions

VERSIONS = """
select v.version, v.run_id, v.source, v.creation_time, v.description,
  array(select alias from registered_model_aliases as a where a.name = v.name and a.version = v.version order by alias) as aliases,
  (select coalesce(json_object_agg(key, value), '{}') from model_version_tags as t where t.name = v.name and t.version = v.version) as tags
from model_versions as v where v.name = %s and v.current_stage <> 'Deleted_Internal' order by v.version
"""
"""A version that MLflow deletes keeps its row, in a stage of this name."""


NO_TABLES = "select to_regclass('alembic_version') is null"
"""MLflow's migrations make this table with the first of the others, in one transaction."""


class RegistryError(Exception):
    """MLflow keeps its models otherwise than this project reads them."""


def read_versions(url: str, name: str) -> list[dict[str, Any]]:
    """The versions of a model, the oldest first: version, run_id, source, creation_time (ms), description, aliases, tags.

    Empty where there is none, or MLflow has made no tables yet. `url` is that of MLflow's own schema.

    Raises:
        DatabaseError: the server does not answer or does not let us in.
        RegistryError: MLflow's tables are there, but not as they are read here; says which MLflow is installed.
        psycopg2.OperationalError: the server goes away while it is asked.
    """
    from psycopg2 import errors
    from psycopg2.extras import RealDictCursor

    with closing(connect(url)) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        try:
            cursor.execute(VERSIONS, (name,))
        # a table or column of another name; a column of another type cannot be compared
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction) as error:
            connection.rollback()
            if _no_tables(connection):
                return []
            raise RegistryError(
                f"MLflow {version('mlflow')} is installed, and the tables of its schema are not those that the models are read from: {str(error).splitlines()[0]}\n"
                "  allowed: the tables of the MLflow that requirements.lock pins\n"
                "  do: install that one (make setup); where a newer one has changed the tables already, bring them back from a backup, "
                "or take a release of churn_pipeline that reads them"
            ) from error
        return [dict(row) for row in cursor.fetchall()]


def _no_tables(connection: psycopg2.extensions.connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(NO_TABLES)
        ((none,),) = cursor.fetchall()
    return bool(none)

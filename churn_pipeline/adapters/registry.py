"""The registered versions of a model as MLflow's tables hold them: to read a handful of rows MLflow itself takes seconds to load."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from churn_pipeline.adapters.postgres import connect

VERSIONS = """
select v.version, v.run_id, v.source, v.creation_time, v.description,
  array(select alias from registered_model_aliases as a where a.name = v.name and a.version = v.version order by alias) as aliases,
  (select coalesce(json_object_agg(key, value), '{}') from model_version_tags as t where t.name = v.name and t.version = v.version) as tags
from model_versions as v where v.name = %s and v.current_stage <> 'Deleted_Internal' order by v.version
"""
"""A version that MLflow deletes keeps its row, in a stage of this name."""


def read_versions(url: str, name: str) -> list[dict[str, Any]]:
    """The versions of a model, the oldest first: version, run_id, source, creation_time (ms), description, aliases, tags.

    None where MLflow has made no tables yet. `url` is that of MLflow's own schema.

    Raises:
        DatabaseError: the server does not answer or does not let us in.
        psycopg2.Error: it does not answer the question.
    """
    import psycopg2.errors
    from psycopg2.extras import RealDictCursor

    with closing(connect(url)) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        try:
            cursor.execute(VERSIONS, (name,))
        except psycopg2.errors.UndefinedTable:
            return []
        return [dict(row) for row in cursor.fetchall()]

"""JSON lines: one object a line; what is no object costs its own line and no other. Nothing enters Python but the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.sources.reading import Apart

if TYPE_CHECKING:
    import duckdb


def read_objects(connection: duckdb.DuckDBPyConnection, lines: str, *, into: str) -> Apart:
    """Create temp table `into` of the objects in table `lines`, and give their keys in the order of first appearance.

    Columns of `into`: `line`, `fields` (the values as texts, in the order of the keys: a string as it is, what is
    nested as JSON, null where there is none), `text` (the line itself), `wrong` (why it is no object).
    """
    text = "ltrim(text, chr(65279))"  # a byte order mark
    objects, empty = f"{into}_objects", f"trim({text}, ' ' || chr(9) || chr(13)) = ''"
    connection.execute(
        f"create or replace temp table {objects} as select line, {text} as text, wrong is null and json_valid({text}) "
        f"and json_type(case when json_valid({text}) then {text} end) = 'OBJECT' as good, wrong from {lines} "
        f"where wrong is not null or not {empty}"
    )
    keys = connection.execute(
        f"select key from (select line, unnest(json_keys(text)) as key, generate_subscripts(json_keys(text), 1) as place "
        f"from {objects} where good) group by key order by min((line, place))"
    ).fetchall()
    columns = tuple(str(key) for (key,) in keys)
    paths = ", ".join(quoted(_pointer(column)) for column in columns)
    fields = f"json_extract_string(text, [{paths}])" if columns else "[]::varchar[]"
    connection.execute(
        f"create or replace temp table {into} as select line, case when good then {fields} end as fields, text, "
        f"case when not good then coalesce(wrong, 'is no JSON object') end as wrong from {objects}"
    )
    connection.execute(f"drop table {objects}")
    (beside,) = connection.execute(f"select count(*) from {lines} where wrong is null and {empty}").fetchone() or (0,)
    return Apart(columns, int(beside))


def _pointer(key: str) -> str:
    """The JSON pointer (RFC 6901) of a key.

    >>> _pointer("a/b~c")
    '/a~1b~0c'
    """
    return "/" + key.replace("~", "~0").replace("/", "~1")

"""A folder of SQL files, each a feature of a user's own (docs/own-features.md): read, and refused where it could not be trusted.

A file begins with comments that say what it is (`-- meaning: ...`, see `SAID`); the rest is one aggregate expression. It may use the columns it
is offered and functions that depend on nothing but their arguments: no other table, no clock, no chance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from churn_pipeline.adapters.engine import Engine, quoted
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.features.own import Over, Own, OwnFeature
from churn_pipeline.contracts.lake import SNAPSHOT_KEYS
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.featurize.own_features import RECORDS, offered
from churn_pipeline.core.spelling import did_you_mean

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SAID = ("meaning", "says", "over", "unit", "absent")
"""What a file may say of its feature; the first two have to be there."""
CLOCKS = frozenset({"age", "current_localtime", "current_localtimestamp"})
"""Functions that read the clock though the engine lists them among those that do not."""
UNORDERED = frozenset(
    {
        "any_value",
        "arbitrary",
        "first",
        "last",
        "list",
        "array_agg",
        "string_agg",
        "group_concat",
        "listagg",
        "reservoir_quantile",
    }
)
"""Aggregates that give another value for another order of the rows, which no table has."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
NUMBER = re.compile("U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|FLOAT|DOUBLE|DECIMAL|BOOLEAN")
LINE = re.compile(r"--\s*(\w+)\s*:\s*(.*?)\s*$")


class OwnFeatureError(Exception):
    """Features of a user's own that cannot be used: every offence of every file of the folder."""


def own_features(folder: Path | None, engine: Engine) -> Own:
    """The features of a folder, by name; none where there is no folder.

    Raises:
        OwnFeatureError: the folder is not there, or a file of it is no feature; all offences at once.
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise OwnFeatureError(
            f"the folder of your own features, {folder}, is not there\n  do: make it, or unset CHURN_OWN_FEATURES"
        )
    read = [_read(path) for path in sorted(folder.glob("*.sql"))]
    with engine.connection() as connection:
        parsed = [(one, _parsed(connection, one) if not told else {}) for one, told in read]
        problems = [
            *(problem for _, told in read for problem in told),
            *(problem for one, tree in parsed if tree for problem in _faults(connection, one, tree)),
        ]
    if problems:
        raise OwnFeatureError(
            f"features of your own in {folder} cannot be used:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\n  do: see docs/own-features.md for what a file may say"
        )
    return tuple(replace(one, uses=tuple(sorted(_columns(tree)))) for one, tree in parsed)


def _read(path: Path) -> tuple[OwnFeature, list[str]]:
    """A file, and what is wrong with what it says of itself."""
    said, lines = {}, path.read_text(encoding="utf-8", errors="replace").splitlines()
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("--")):
        if found := LINE.match(lines.pop(0).strip()):
            said[found[1]] = found[2]
    over, sql = said.get("over", "events"), "\n".join(lines).strip().rstrip(";")
    problems = [
        *(f"{key}: nothing a file may say{did_you_mean(key, SAID)}" for key in said if key not in SAID),
        *(f"it does not say its {key} (-- {key}: ...)" for key in SAID[:2] if not said.get(key)),
        *([] if NAME.fullmatch(path.stem) else ["its name is no name in small letters, digits and _"]),
        *([] if over in get_args(Over) else [f"over: {over} is none of {', '.join(get_args(Over))}"]),
        *(["it is not UTF-8"] if "\ufffd" in sql or "\ufffd" in "".join(said.values()) else []),
        *([] if sql else ["it holds no expression"]),
        *_unsayable(said.get("says", "")),
    ]
    kept: dict[str, Any] = {key: said.get(key, "") for key in ("meaning", "says", "unit", "absent")}
    return OwnFeature(path.stem, sql=sql, over=cast("Over", over), **kept), [f"{path.name}: {p}" for p in problems]


def _unsayable(says: str) -> Iterator[str]:
    try:
        says.format(value=1.0)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield f"says: {says!r} is no template for {{value}} ({error})"


def _parsed(connection: duckdb.DuckDBPyConnection, one: OwnFeature) -> dict[str, Any]:
    """The expression as a tree, in a query."""
    query = f"select (\n{one.sql}\n) as value from offered"
    (answer,) = connection.execute(f"select json_serialize_sql({quoted(query)})").fetchall()[0]
    parsed: dict[str, Any] = json.loads(answer)
    return parsed


def _faults(connection: duckdb.DuckDBPyConnection, one: OwnFeature, parsed: dict[str, Any]) -> Iterator[str]:
    """Why an expression is not one that the engine can compute, and that depends on nothing else than what it is given."""
    if parsed["error"]:
        yield f"{one.name}.sql: {parsed['error_message']}"
    elif strange := sorted(set(_strange(connection, parsed, offered=offered(one.over)))):
        yield from (f"{one.name}.sql: {what}" for what in strange)
    elif wrong := _not_computed(connection, one):
        yield f"{one.name}.sql: {wrong}"


def _not_computed(connection: duckdb.DuckDBPyConnection, one: OwnFeature) -> str:
    """What the engine says against it, on one record of which nothing is known; empty where it gives a number."""
    import duckdb

    connection.register("_offered", _unknown(one.over))
    query = f"select (\n{one.sql}\n) as value from _offered group by as_of"
    try:
        kind = str(connection.execute(f"describe {query}").fetchall()[0][1])
        connection.execute(query).fetchall()
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    finally:
        connection.unregister("_offered")
    return "" if NUMBER.fullmatch(re.sub(r"\(.*?\)", "", kind)) else f"it gives {kind} and no number"


def _strange(
    connection: duckdb.DuckDBPyConnection, parsed: dict[str, Any], *, offered: Collection[str]
) -> Iterator[str]:
    """What an expression may not hold."""
    selects = [statement["node"] for statement in parsed["statements"]]
    if [(len(s.get("select_list", ())), s.get("from_table", {}).get("type")) for s in selects] != [(1, "BASE_TABLE")]:
        yield "it is more than one expression"
        return
    (told,) = connection.execute(
        "select list(distinct lower(function_name)) from duckdb_functions() where stability <> 'CONSISTENT'"
    ).fetchall()[0]
    for node in _nodes(selects[0]["select_list"]):
        called = str(node.get("function_name", "")).lower()
        if node.get("class") == "SUBQUERY":
            yield "it reads another table, where the future may be found"
        elif node.get("class") == "WINDOW":
            yield "it is no aggregate over the records (a window function)"
        elif called in CLOCKS or called in told:
            yield f"{called}() gives something else each time"
        elif called in UNORDERED:
            yield f"{called}() gives another value for another order of the rows"
    for column in sorted(_columns(parsed) - set(offered)):
        yield f"no column {column}{did_you_mean(column, offered)}; there are {', '.join(sorted(offered))}"


def _columns(parsed: dict[str, Any]) -> set[str]:
    """The columns that an expression names; what a lambda calls its own is none. A clock is written like one, too."""
    nodes = list(_nodes(parsed))
    own = {column for node in nodes if node.get("class") == "LAMBDA" for column in _named(_nodes(node["lhs"]))}
    return set(_named(nodes)) - own


def _named(nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (node["column_names"][-1].lower() for node in nodes if node.get("class") == "COLUMN_REF")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a tree of JSON."""
    if isinstance(tree, dict):
        yield tree
    branches = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for branch in branches:
        yield from _nodes(branch)


def _unknown(over: Over) -> pa.Table:
    """One record of which nothing is known, with the columns and types that an expression is offered."""
    import pyarrow as pa

    record, _ = RECORDS[over]
    look = Table("look", "A look.", columns=SNAPSHOT_KEYS, key=("as_of", "trial_id"))
    types = {field.name: field.type for of in (look, TRIALS, record) for field in arrow_schema(of)}
    return pa.table({column: pa.array([None], types[column]) for column in offered(over)})

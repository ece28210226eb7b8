"""The tables of an unknown source, each column seen through a sample of its rows. Nothing of the contract is needed for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.sources.database import Copied, catalogue, copy_tables
from churn_pipeline.adapters.sources.files import JSON_LINES, PARQUET, SUFFIXES, read_file
from churn_pipeline.adapters.sources.lines import bare_name, first_line
from churn_pipeline.adapters.sources.mapping import Files
from churn_pipeline.capabilities.ingestion.guess import Profile
from churn_pipeline.contracts.derive.reading import read_as
from churn_pipeline.contracts.spec import Flag, Instant, Integer, Json, Real

if TYPE_CHECKING:
    import duckdb

SAMPLE = 50_000
"""Most rows of a table that are looked at."""
IDS = 2_000
"""Most values of a column that are looked for among the keys of other tables."""
FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d-%m-%Y")
TIMES = ("", " %H:%M", " %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Found:
    """A table of a source: how a mapping names it (`spec`), and a view of a sample of its rows, all texts."""

    called: str
    spec: Files
    view: str
    columns: tuple[str, ...]


@contextmanager
def tables_of_database(connection: duckdb.DuckDBPyConnection, url: str) -> Iterator[list[Found]]:
    """The tables and views of a database's default schema.

    Raises:
        SourceError: the database cannot be entered or read.
    """
    names = list(catalogue(url))
    with TemporaryDirectory(prefix="churn-look-") as folder:
        copies = [Copied(Path(folder) / f"{n}.parquet", table=table, most=SAMPLE) for n, table in enumerate(names)]
        copy_tables(url, copies)
        found = []
        for place, copy in enumerate(copies):
            spec = Files.model_validate({"from": copy.table})
            rows = read_file(connection, copy.file, copy.table, spec, view=f"_found_{place}")
            found.append(Found(copy.table, spec, rows.view, rows.fact.columns))
        yield found


def tables_of_folder(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Found]:
    """The files of a folder; files whose names differ in digits alone are one table, seen through the first of them."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name.lower().endswith((*SUFFIXES, ".txt", ".txt.gz", ".tsv", ".tsv.gz")):
            pattern = re.sub(r"\d[\d_-]*", "*", path.relative_to(folder).as_posix())
            groups.setdefault(pattern, []).append(path)
    found = []
    for place, (pattern, paths) in enumerate(groups.items()):
        shown = pattern if len(paths) > 1 else paths[0].relative_to(folder).as_posix()
        spec = Files.model_validate({"from": shown, **dialect(paths[0])})
        rows = read_file(connection, paths[0], shown, spec, view=f"_found_{place}")
        if not rows.fact.problem:
            found.append(Found(shown, spec, rows.view, rows.fact.columns))
    return found


def profiles(connection: duckdb.DuckDBPyConnection, tables: list[Found]) -> list[Profile]:
    """What each column of each table looks like, and in which keys of other tables its values are found."""
    plain = [profile for table in tables for profile in _profiles(connection, table)]
    views = {table.called: table.view for table in tables}
    keys = [p for p in plain if p.names_rows and p.reads_as["instant"] < 0.5 and p.distinct > 1]
    return [_with_overlap(connection, views, profile, keys) for profile in plain]


def dialect(path: Path) -> dict[str, str]:
    """The delimiter of a text file, by its first line: the one that cuts it into most pieces."""
    if bare_name(path).endswith((*JSON_LINES, PARQUET)):
        return {}
    line = first_line(path)
    best = max(",;\t|", key=line.count)
    if line.count(best):
        return {} if best == "," else {"delimiter": best}
    return {"delimiter": "whitespace"} if len(line.split()) > 1 else {}


def _profiles(connection: duckdb.DuckDBPyConnection, table: Found) -> Iterator[Profile]:
    sample = f"{table.view}_sample"
    own = ", ".join(name(column) for column in table.columns)
    connection.execute(
        f"create or replace temp table {sample} as select distinct {own} from "
        f"(select * from {table.view} where _wrong is null limit {SAMPLE})"
    )
    for column in table.columns:
        value = name(column)
        reads = {
            "integer": f"({read_as(Integer(), value)}) is not null",
            "number": f"({read_as(Real(), value)}) is not null",
            "instant": f"({read_as(Instant(), value)}) is not null",
            "flag": f"({read_as(Flag(), value)}) is not null",
            "json": f"({read_as(Json(), value)}) is not null and {value} like '{{%'",
            "country": f"regexp_full_match({value}, '[A-Z]{{2}}')",
            "currency": f"regexp_full_match({value}, '[A-Z]{{3}}')",
        }
        formats = [day + time for day in FORMATS for time in TIMES]
        asked = [*reads.values(), *(f"try_strptime({value}, {quoted(f)}) is not null" for f in formats)]
        counts = ", ".join(f"count(*) filter ({condition})" for condition in asked)
        (found,) = connection.execute(
            f"select count(*), count({value}), count(distinct {value}), {counts} from {sample}"
        ).fetchall()
        rows, filled, distinct, *hits = found
        shares = [hit / filled if filled else 0.0 for hit in hits]
        types = dict(zip(reads, shares, strict=False))
        best, share = max(zip(formats, shares[len(reads) :], strict=True), key=lambda pair: pair[1])
        by_format = types["instant"] < share and share > 0.9
        yield Profile(
            table=table.called,
            column=column,
            filled=filled / rows if rows else 0.0,
            differing=distinct / filled if filled else 0.0,
            distinct=distinct,
            reads_as=types | ({"instant": share} if by_format else {}),
            overlap={},
            format=best if by_format else "",
        )


def _with_overlap(
    connection: duckdb.DuckDBPyConnection, views: dict[str, str], profile: Profile, keys: list[Profile]
) -> Profile:
    if profile.reads_as["instant"] > 0.5 or profile.distinct < 2:
        return profile
    others = [key for key in keys if key.table != profile.table]
    values = f"select distinct {name(profile.column)} as value from {views[profile.table]}_sample where {name(profile.column)} is not null limit {IDS}"
    shares = {}
    for key in others:
        within = f"select {name(key.column)} from {views[key.table]}_sample"
        found = connection.execute(f"select avg((value in ({within}))::int) from ({values})").fetchall()
        shares[f"{key.table}.{key.column}"] = float(found[0][0] or 0.0)
    return replace(profile, overlap=shares)

"""The rows of a replay: from files, from one issue with other values, or all that are open of a kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.engine import name, quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources.mapping import load_mapping
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.derive.rules import UNREADABLE_LINE
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.spelling import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

LINK = "_issue"
"""Column of an edited file that says which issue a row repairs."""
COLUMNS = ("table_name", "row", "issue_id")
OPEN = """
select issue_id, issue.table_name, record_key, rule, because, file, line, found_at, raw_row
from data_quality_issues as issue left join data_quality_resolutions as mended using (issue_id)
where mended.issue_id is null and $1 in ('', issue.table_name) and $2 in ('', rule)
order by issue.table_name, file, line, issue_id
"""
ONE = """
select issue_id, issue.table_name, record_key, rule, because, file, line, found_at, raw_row, resolved_by, became, resolved_at
from data_quality_issues as issue left join data_quality_resolutions as mended using (issue_id)
where starts_with(issue_id, $1) limit 2
"""


class QuarantineError(Exception):
    """What was asked of the quarantine cannot be done; says why and what can."""


def require_table(table: str | None, *also: str) -> None:
    """Return if no table is named, or a raw one, or one of those `also` allowed.

    Raises:
        QuarantineError: there is no such table.
    """
    names = [*(declared.name for declared in RAW_TABLES), *also]
    if table is not None and table not in names:
        raise QuarantineError(f"{table!r} is no raw table{did_you_mean(table, names)}\n  allowed: {', '.join(names)}")


def rows_of_files(lake: Lake, warehouse: Warehouse, files: Sequence[Path], table: str | None) -> pa.Table:
    """Every row of files of repaired rows, in any format that a source may have, as a batch is written of.

    Raises:
        QuarantineError: a file or a line of it cannot be read, or it cannot be told what its rows are.
    """
    import pyarrow as pa

    require_table(table)
    rows = pa.concat_tables([_of_file(lake, file, table or table_of(file)) for file in files])
    named = {issue for issue in rows["issue_id"].to_pylist() if issue is not None}
    known = warehouse.read(
        "select issue_id from data_quality_issues where issue_id = any(string_to_array($1, ','))",
        [",".join(sorted(named))],
    )
    unknown = sorted(named - set(known["issue_id"].to_pylist()))
    if unknown:
        raise QuarantineError(
            f"column {LINK} names {len(unknown):,} issues that are not there (first: {unknown[0]!r}).\n"
            f"  allowed: an issue_id of data_quality_issues, or nothing\n  do: leave {LINK} as `churn quarantine show` wrote it"
        )
    return rows


def _of_file(lake: Lake, file: Path, table: str) -> pa.Table:
    from churn_pipeline.adapters.sources.files import read_file
    from churn_pipeline.adapters.sources.mapping import Files

    if not file.is_file():
        raise QuarantineError(
            f"{file}: there is no such file.\n  do: name a file of repaired rows (CSV, JSON lines, Parquet)"
        )
    with lake.engine.connection() as connection:
        fact = read_file(connection, file, file.name, Files(patterns=(file.name,)), view="repaired").fact
        if fact.problem:
            raise QuarantineError(f"{file}: {fact.problem}.\n  do: write it again, with one header or as JSON lines")
        wrong = connection.execute("select _line, _wrong from repaired where _wrong is not null order by 1").fetchall()
        if wrong:
            lines = "\n".join(f"  line {line}: {why}" for line, why in wrong[:10])
            raise QuarantineError(
                f"{file}: {len(wrong):,} lines cannot be read\n{lines}\n  do: fix them; nothing was put back"
            )
        linked = LINK in fact.columns
        row = f"json_merge_patch(_raw, '{json.dumps({LINK: None})}')::varchar" if linked else "_raw"
        return connection.sql(
            f"select {quoted(table)} as table_name, {row} as row, {name(LINK) if linked else 'null::varchar'} as issue_id "
            "from repaired order by _line"
        ).to_arrow_table()


def table_of(file: Path) -> str:
    """The raw table that a file is called after: `events.csv`, `events-fixed.jsonl`.

    Raises:
        QuarantineError: it is called after none.
    """
    for table in RAW_TABLES:
        if file.name.split(".")[0].split("-")[0] == table.name:
            return table.name
    raise QuarantineError(
        f"{file}: it is not said of which table its rows are.\n  do: add --table, or call it {RAW_TABLES[0].name}.csv, "
        f"{RAW_TABLES[0].name}-fixed.jsonl or the like; tables: {', '.join(t.name for t in RAW_TABLES)}"
    )


def rows_of_issue(warehouse: Warehouse, issue: str, values: Sequence[str], *, mapping: Path | None = None) -> pa.Table:
    """The row of an issue, with `values` (column=value) in the place of its own.

    Columns are those of the source. One that the mapping makes of something else would change nothing, and is refused.

    Raises:
        QuarantineError: there is no such issue or column.
    """
    found = one_issue(warehouse, issue)
    row = raw(found)
    declared = next(t for t in RAW_TABLES if t.name == found["table_name"]).names
    read, made = _mapped(mapping, found["table_name"])
    allowed = [column for column in dict.fromkeys((*row, *read, *declared)) if column not in made]
    given = dict(value.partition("=")[::2] for value in values if "=" in value)
    wrong = [
        *(f"{c}=..." + (f" (made of {made[c]})" if c in made else "") for c in given if c not in allowed),
        *(v for v in values if "=" not in v),
    ]
    if wrong:
        raise QuarantineError(
            f"--set {', '.join(wrong)}: no value for a column of {found['table_name']}.\n"
            f"  allowed: --set column=value, with a column of {', '.join(allowed)}"
        )
    return _rows([(found["table_name"], compact(row | given) if given else found["raw_row"], found["issue_id"])])


def _mapped(mapping: Path | None, table: str) -> tuple[list[str], dict[str, str]]:
    """The columns of the source that a table is made of, and what its columns are made of (in words) that come from no column of their name."""
    mapped = load_mapping(mapping).tables.get(table) if mapping else None
    columns = mapped.columns if mapped else {}
    read = [taken.column for taken in columns.values() if taken.column]
    words = set(
        re.findall(r"\w+", " ".join(taken.sql or "" for taken in columns.values()) + f" {mapped and mapped.where}")
    )
    made = {
        name: f"your column {taken.column}" if taken.column else "SQL" if taken.sql else "a constant"
        for name, taken in columns.items()
        if name not in read and name not in words
    }
    return read, made


def rows_of_open(warehouse: Warehouse, table: str | None, rule: str | None) -> pa.Table:
    """The rows of all open issues of a table or rule, as they were read; not those of lines that could not be read.

    Raises:
        QuarantineError: there is none.
    """
    found = warehouse.read(OPEN, [table or "", rule or ""]).to_pylist()
    readable = [issue for issue in found if issue["rule"] != UNREADABLE_LINE.name]
    if not readable:
        raise QuarantineError(
            "no such issue is open, or none whose line could be read.\n  do: `churn quarantine list` says what there is; lines that "
            "could not be read come back with the next run on the source, or by hand with `churn quarantine replay` FILE"
        )
    return _rows((issue["table_name"], issue["raw_row"], issue["issue_id"]) for issue in readable)


def _rows(rows: Iterable[tuple[str, str, str | None]]) -> pa.Table:
    import pyarrow as pa

    tables, texts, issues = zip(*rows, strict=True)
    return pa.table(
        {name: pa.array(values, pa.string()) for name, values in zip(COLUMNS, (tables, texts, issues), strict=True)}
    )


def one_issue(warehouse: Warehouse, issue: str) -> dict[str, Any]:
    """The issue of that id, or whose id begins so.

    Raises:
        QuarantineError: none or several do.
    """
    found: list[dict[str, Any]] = warehouse.read(ONE, [issue]).to_pylist() if issue else []
    if len(found) != 1:
        raise QuarantineError(
            f"{issue!r} is {'the beginning of several issues' if found else 'no issue'}.\n  allowed: an issue_id, or its beginning\n"
            "  do: `churn quarantine list` with --table or --rule shows them"
        )
    return found[0]


def compact(row: Mapping[str, Any]) -> str:
    """A row as JSON, written as rows are kept: a row that nobody touched is the same row."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def raw(issue: Mapping[str, Any]) -> dict[str, Any]:
    """The row as its source has it; of a line that could not be read nothing is known by column."""
    row: dict[str, Any] = json.loads(issue["raw_row"])
    return {} if issue["rule"] == UNREADABLE_LINE.name else row

"""The verdict on a whole batch, before anything of it lands: is this table fit to be used at all?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.validation.suite import Outcome, Unmet, allowed_in_sample, run_suite, sample
from churn_pipeline.contracts.derive.rules import Rule, all_rules
from churn_pipeline.contracts.spec import Presence, Table
from churn_pipeline.core.spelling import listed

if TYPE_CHECKING:
    import duckdb

FILE_ROWS = 100
"""A file with fewer rows is judged with its table only: one bad row of three says nothing."""


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """Whether a table's batch may go on. Each problem names file, column, rule, what is allowed and what to do."""

    table: str
    passed: bool
    problems: tuple[str, ...]
    rows: int
    bad_rows: int
    broken: dict[str, int]
    """Rows per first broken rule."""
    looked_at: int
    """Rows of the sample that the suite ran on."""
    expectations: int
    """Expectations that were evaluated on it."""
    unmet: int = 0
    """How many of them it does not meet."""
    page: str = ""
    """What Great Expectations shows of it, as HTML; empty where it was not asked."""

    def __str__(self) -> str:
        """The verdict for people: one line, or every problem."""
        if self.passed:
            return f"{self.table}: {self.rows:,} rows read, {self.bad_rows:,} to be quarantined"
        return f"{self.table}: the batch is refused\n" + "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class _Files:
    names: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    given: tuple[str, ...]
    since: str | None
    """From which value of its cursor on the table was read; what came before it has landed already."""


def check_batch(lake: Lake, table: Table, *, as_of: datetime, max_bad_share: float, sample_rows: int) -> BatchVerdict:
    """Judge `staged_<table>` of a day: what must be there, the share of bad rows (exact), and the suite on a sample.

    Without a sample (`sample_rows=0`) Great Expectations, which takes seconds to load, is left out.

    Raises:
        ValidationFaultError: Great Expectations itself failed.
    """
    with lake.engine.connection() as connection:
        staged = _staged(connection, lake, table, as_of)
        structure = [*_structure(table, staged), *_vanished(lake, table, staged.files)]
        problems = structure[:]
        few = staged.files.since is not None and staged.rows < FILE_ROWS  # one bad row of three new ones says nothing
        if not problems and not few:
            problems += _too_bad(connection, table, as_of, max_bad_share)
        looked = Outcome(0, 0, ())
        if sample_rows and staged.rows and not structure:
            frame = sample(connection, table, "staged", given=staged.files.given, rows=sample_rows)
            allowed = 1.0 if few else allowed_in_sample(max_bad_share, sampled=len(frame), rows=staged.usable)
            looked = run_suite(table, frame, max_bad_share=allowed)
            problems += [
                _unmet(table, staged.files, u)
                for u in looked.unmet
                if not any(f"rule {u.rule}:" in p for p in problems)
            ]
    return _verdict(table, staged, problems, looked)


def check_repaired(lake: Lake, table: Table, *, as_of: datetime, batch: str) -> BatchVerdict:
    """Judge a replayed batch of repaired rows: what must be there. However many of its rows are still bad, the others land."""
    with lake.engine.connection() as connection:
        staged = _staged(connection, lake, table, as_of, batch)
        return _verdict(table, staged, _structure(table, staged), Outcome(0, 0, ()))


@dataclass(frozen=True, slots=True)
class _Staged:
    files: _Files
    rows: int
    usable: int
    """Rows that could be read and are no exact copies."""
    bad: int
    broken: dict[str, int]


def _staged(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, as_of: datetime, batch: str = ""
) -> _Staged:
    """What was staged; views `staged` and `files` of it stand in the connection afterwards."""
    for view, dataset in (("staged", f"staged_{table.name}"), ("files", f"staged_{table.name}_files")):
        connection.execute(f"create temp view {view} as {lake.rows(dataset, as_of, batch=batch)}")
    rows, usable, bad = connection.execute(
        "select count(*), count(*) filter (_wrong is null and not _copy), count(_broken) from staged"
    ).fetchone() or (0, 0, 0)
    counted = connection.execute(
        "select _broken[1], count(*) from staged where _broken is not null group by 1 order by 2 desc, 1"
    ).fetchall()
    return _Staged(_files(connection), rows, usable, bad, {str(rule): int(count) for rule, count in counted})


def _verdict(table: Table, staged: _Staged, problems: list[str], looked: Outcome) -> BatchVerdict:
    return BatchVerdict(
        table.name,
        not problems,
        tuple(problems),
        staged.rows,
        staged.bad,
        staged.broken,
        looked.rows,
        looked.expectations,
        len(looked.unmet),
        looked.page,
    )


def _files(connection: duckdb.DuckDBPyConnection) -> _Files:
    found = connection.execute("select file, problem, given, since from files order by file").fetchall()
    return _Files(
        tuple(file for file, _, _, _ in found),
        tuple((file, problem) for file, problem, _, _ in found if problem),
        tuple(found[0][2]) if found else (),
        found[0][3] if found else None,
    )


def _structure(table: Table, staged: _Staged) -> list[str]:
    """What is wrong with the batch as such, whatever its rows are."""
    files, rows = staged.files, staged.rows
    missing = tuple(c.name for c in table.columns if not c.null and c.name not in files.given)
    if not files.names:
        return [_no_file(table)] if table.presence is Presence.REQUIRED else []
    named = listed(files.names)
    problems = [_damaged(file, problem) for file, problem in files.problems]
    if not problems:
        problems += [_no_column(table, named, column) for column in missing]
    if not problems and not rows and table.presence is Presence.REQUIRED and files.since is None:
        problems.append(
            f"{named}, rule empty_batch: the file has a header and no rows\n"
            f"  allowed: at least one row of {table.name}\n"
            "  do: find out why the export was empty; yesterday's scores stay until there are rows"
        )
    return problems


def _vanished(lake: Lake, table: Table, files: _Files) -> list[str]:
    """That a table of outcomes is gone: every trial that matures without it would count as one that did not convert.

    A file without rows is fine: an export of what is new may well have none.
    """
    if table.presence is not Presence.FOR_TRAINING or files.names or not lake.has_raw(table):
        return []
    return [
        f"{table.name}, rule vanished_table: the source has no file for it, and had one before (the lake holds its rows)\n"
        f"  allowed: a file, if only with a header: without it every trial would count as one that did not convert\n"
        "  do: bring its file back, or fix its entry in the mapping; `churn source check` says what was found"
    ]


def _no_file(table: Table) -> str:
    return (
        f"{table.name}, rule missing_table: the source has no file for it\n"
        f"  allowed: {table.name}.csv, {table.name}.csv.gz, {table.name}.parquet, {table.name}-*.csv, a folder {table.name}/, or an entry "
        f"tables.{table.name} in the mapping\n  do: add the file; `churn source check` says what was found"
    )


def _damaged(file: str, problem: str) -> str:
    rule = "empty_file" if "empty" in problem else "damaged_file"
    return f"{file}, rule {rule}: {problem}\n  allowed: a readable file with one header\n  do: export the file again"


def _no_column(table: Table, named: str, column: str) -> str:
    declared = table.column(column)
    return (
        f"{named}, column {column}, rule missing_column: no file of {table.name} has it\n"
        f"  allowed: a column {column} ({declared.meaning.rstrip('.')})\n"
        f"  do: add it to the export, or map another column or a constant to it under tables.{table.name}.columns.{column}"
    )


def _too_bad(connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime, most: float) -> list[str]:
    """One sentence for each rule of the table, or else of each file, of which too many rows are bad."""
    over = connection.execute(f"select count(_broken) > {most} * count(*) from staged having count(*) > 0").fetchone()
    if over and over[0]:
        return _by_rule(connection, table, as_of, most, "true")
    files = connection.execute(
        f"select _file from staged group by 1 having count(*) >= {FILE_ROWS} and count(_broken) > {most} * count(*) order by 1"
    ).fetchall()
    return [line for (file,) in files for line in _by_rule(connection, table, as_of, most, f"_file = {quoted(file)}")]


def _by_rule(
    connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime, most: float, where: str
) -> list[str]:
    rules = {rule.name: rule for rule in all_rules(table, read_at=as_of)}
    (total,) = connection.execute(f"select count(*) from staged where {where}").fetchone() or (0,)
    found = connection.execute(
        "select _broken[1], count(*), list(distinct _file order by _file), first(_file order by _file, _line, _row), "
        f"first(_line order by _file, _line, _row) from staged where {where} and _broken is not null group by 1 order by 2 desc, 1"
    ).fetchall()
    return [
        _bad_share(connection, rules[rule], files, count, total, most, (file, line))
        for rule, count, files, file, line in found
    ]


def _bad_share(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    files: list[str],
    count: int,
    total: int,
    most: float,
    first: tuple[str, int | None],
) -> str:
    file, line = first
    column = f", column {rule.column}" if rule.column else ""
    shown = _example(connection, rule, file, line)
    place = "" if line is None else f" line {line}"
    return (
        f"{listed(files, most=3)}{column}, rule {rule.name}: {count:,} of {total:,} rows ({count / total:.1%}), first: {file}{place}{shown}; "
        f"at most {most:.0%} of the rows may be bad\n  allowed: {rule.allowed}\n  do: {rule.do}"
    )


def _example(connection: duckdb.DuckDBPyConnection, rule: Rule, file: str, line: int | None) -> str:
    if not rule.shows:
        return ""
    row = connection.execute(
        f"select ({rule.shows})::varchar from staged where _broken[1] = {quoted(rule.name)} and _file = {quoted(file)} "
        f"and _line is not distinct from {'null' if line is None else line} limit 1"
    ).fetchone()
    return f" ({row[0][:100]})" if row and row[0] else ""


def _unmet(table: Table, files: _Files, unmet: Unmet) -> str:
    return (
        f"{listed(files.names)}, column {unmet.column}, rule {unmet.rule}: {unmet.expected} is not met by {unmet.share:.1%} of the "
        f"sampled values\n  allowed: what the contract of {table.name} says of it\n"
        "  do: `churn source check` counts the rows by rule; fix the export or the mapping"
    )

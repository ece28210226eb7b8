"""The quarantine: what is in it, why, the way back for rows that were repaired, and the end of those nobody needs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.ingestion.replay import write_batch
from churn_pipeline.cli.repaired import (
    LINK,
    OPEN,
    QuarantineError,
    compact,
    one_issue,
    raw,
    require_table,
    rows_of_files,
    rows_of_issue,
    rows_of_open,
)
from churn_pipeline.cli.run import execute, parsed_day
from churn_pipeline.cli.say import say
from churn_pipeline.cli.summary import READ, command, named
from churn_pipeline.cli.table import print_table, say_business
from churn_pipeline.contracts.feature_table import NAME as FEATURE_TABLE
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings

GROUPS = """
select issue.table_name as "table", rule, count(*) filter (where mended.issue_id is null) as open, count(mended.issue_id) as resolved,
  min(found_at) as "first seen", max(found_at) as "last new"
from data_quality_issues as issue left join data_quality_resolutions as mended using (issue_id) group by 1, 2 order by 3 desc, 1, 2
"""
NEWEST_DAY = "select max(as_of) as day from ingestion_counts"


def list_issues(settings: Settings, *, table: str | None, rule: str | None, as_json: bool) -> None:
    """Print how many issues are open and resolved by table and rule; with a table or rule the open ones themselves.

    Neither shows a raw row, which may hold personal data.
    """
    warehouse = Warehouse.of(settings)
    require_table(table, FEATURE_TABLE)
    listed = bool(table or rule)
    found = (
        warehouse.read(OPEN, [table or "", rule or ""]).drop_columns(["raw_row"]) if listed else warehouse.read(GROUPS)
    )
    if as_json:
        sys.stdout.writelines(f"{json.dumps(row, default=str)}\n" for row in found.to_pylist())
    elif not found.num_rows:
        say(f"{'no such issue is open' if listed else 'nothing is in quarantine'} (business {settings.business})")
    else:
        print_table(found.select(["issue_id", "table_name", "record_key", "because"]) if listed else found)
        if not listed:
            say(_count_words(found.to_pylist(), of_feature_table=settings.of_feature_table))
        say_business(settings)


def _count_words(groups: Iterable[Mapping[str, Any]], *, of_feature_table: bool) -> str:
    """All groups in a sentence: what a run calls rejected is here either open or resolved."""
    counted = [(group["open"], group["resolved"]) for group in groups]
    still, resolved = (sum(numbers) for numbers in zip(*counted, strict=True))
    way = (
        "the table does not have the row any more as it was"
        if of_feature_table
        else "a good record of the same key came after all, a person put the row back, or dismissed it"
    )
    return f"{still:,} open, {resolved:,} resolved: {way}"


def show_issues(settings: Settings, issues: Sequence[str], *, form: str) -> None:
    """Print issues whole: in words, or (`form` json or csv) their rows as they can be edited and replayed."""
    warehouse = Warehouse.of(settings)
    found = [one_issue(warehouse, issue) for issue in issues]
    rows = [{LINK: issue["issue_id"], **raw(issue)} for issue in found]
    if form == "json":
        sys.stdout.writelines(f"{compact(row)}\n" for row in rows)
    elif form == "csv":
        writer = csv.DictWriter(
            sys.stdout, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    else:
        say("\n".join(line for issue in found for line in _words(issue, settings)))


def replay(
    settings: Settings,
    *,
    files: Sequence[Path] = (),
    issue: str | None = None,
    values: Sequence[str] = (),
    table: str | None = None,
    rule: str | None = None,
    as_of: str | None = None,
) -> None:
    """Put repaired rows back through the same door: those of files, one issue with other values, or all that are open.

    Exit status 1 where a row was rejected again.

    Raises:
        QuarantineError: there is nothing to replay, or it cannot be told what.
        Busy: another process writes; says which.
        RunFailed: the batch of repaired rows was refused, or a step failed.
    """
    warehouse = Warehouse.of(settings)
    require_table(table)
    if sum((bool(files), issue is not None, not (files or issue) and bool(table or rule))) != 1:
        raise QuarantineError(
            "it is not said what to put back.\n  allowed: files of repaired rows; --issue with --set; --table, --rule or both "
            "(all that are open, after a change of the mapping)"
        )
    if files:
        rows = rows_of_files(Lake.of(settings), warehouse, files, table)
    elif issue is not None:
        rows = rows_of_issue(warehouse, issue, values, mapping=settings.mapping)
    else:
        rows = rows_of_open(warehouse, table, rule)
    day = parsed_day(as_of) if as_of else _newest_day(warehouse)
    batch = write_batch(settings.home / "replays", rows)
    execute(settings, "replay", [day], config={"ops": {"repaired_rows": {"config": {"batch": batch}}}})
    if _say(settings, warehouse.read(READ, [midnight(day)]).to_pylist(), given=rows.num_rows):
        raise SystemExit(1)


def dismiss(
    settings: Settings,
    issues: Sequence[str],
    *,
    why: str,
    table: str | None = None,
    rule: str | None = None,
    as_of: str | None = None,
) -> None:
    """Close issues without a record: those that are named, or all that are open of a table, a rule or both.

    Raises:
        QuarantineError: it is not said which or why, or none of them is open.
        Busy: another process writes; says which.
    """
    require_table(table)
    if bool(issues) == bool(table or rule) or not why.strip():
        raise QuarantineError(
            "it is not said what to close, or not why.\n  allowed: issues, or --table, --rule or both (all that are open); and --why "
            "with the reason"
        )
    warehouse = Warehouse.of(settings)
    warehouse.create()
    found = [one_issue(warehouse, issue) for issue in issues]
    still = [issue["issue_id"] for issue in found if issue["resolved_by"] is None]
    number = len(still) if issues else warehouse.read(OPEN, [table or "", rule or ""]).num_rows
    if not number:
        raise QuarantineError("no such issue is open.\n  do: `churn quarantine list` says what there is")
    day = parsed_day(as_of) if as_of else _newest_day(warehouse)
    said = {"issues": still, "table": table or "", "rule": rule or "", "why": why}
    execute(settings, "dismiss", [day], config={"ops": {"dismissed_issues": {"config": said}}})
    closed = f", {len(found) - len(still):,} had been closed before" if len(still) < len(found) else ""
    sys.stdout.write(
        f"{number:,} issues closed{closed}\na trial whose subscription was rejected has a label from the next midnight (UTC) on\n"
    )


def _words(issue: Mapping[str, Any], settings: Settings) -> list[str]:
    because, _, rest = issue["because"].partition("; allowed: ")
    allowed, _, do = rest.partition("; do: ")
    state = (
        f"{issue['resolved_by']}, on {issue['resolved_at']:%Y-%m-%d %H:%M}: {issue['became']}"
        if issue["resolved_by"]
        else "no, it is open"
    )
    place = issue["file"] + (f", line {issue['line']}" if issue["line"] is not None else "")
    return [
        f"issue     {issue['issue_id']}",
        f"record    {issue['record_key'] or 'without a key'} of {issue['table_name']}",
        f"found     {issue['found_at']:%Y-%m-%d %H:%M} in {place}",
        f"rule      {issue['rule']}",
        f"because   {because}",
        f"allowed   {allowed}",
        f"do        {do}",
        f"resolved  {state}",
        f"row       {issue['raw_row']}",
        *_ways_out(issue, settings),
        "",
    ]


def _ways_out(issue: Mapping[str, Any], settings: Settings) -> list[str]:
    if issue["table_name"] == FEATURE_TABLE:
        return [f"close     mend the row in the table, or take it out, then {command()} run{named(settings)}"]
    short = issue["issue_id"][:10]
    return [
        f"put back  {command()} quarantine replay --issue {short} --set COLUMN=VALUE{named(settings)}",
        f"close     {command()} quarantine dismiss {short} --why TEXT{named(settings)}",
    ]


def _newest_day(warehouse: Warehouse) -> date:
    newest: datetime | None = warehouse.read(NEWEST_DAY).to_pylist()[0]["day"]
    if newest is None:
        raise QuarantineError("nothing has been read yet.\n  do: churn run, or name a day with --as-of")
    return newest.date()


def _say(settings: Settings, counted: Iterable[Mapping[str, Any]], *, given: int) -> int:
    """Say what became of the rows, and give how many were rejected again."""
    counted = [row for row in counted if row["rows_read"]]
    for row in counted:
        again = f", {row['rows_quarantined']:,} rejected again" if row["rows_quarantined"] else ""
        say(f"{row['table_name']}: {row['rows_kept']:,} landed ({row['rows_new']:,} new){again}")
    left_out = given - sum(row["rows_read"] for row in counted)
    if left_out:
        say(f"{left_out:,} rows were left out by `where` of the mapping")
    rejected: int = sum(row["rows_quarantined"] for row in counted)
    if rejected:
        say(f"{command()} quarantine list{named(settings)} says what is still wrong")
    if any(row["rows_new"] for row in counted):
        say(f"the next run uses them; {command()} score{named(settings)} --as-of DAY scores a day anew")
    return rejected

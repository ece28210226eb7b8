"""The commands about the quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn_pipeline.cli import environment
from churn_pipeline.cli.options import AsJson, Mapping, OfRun, Source

quarantine_app = typer.Typer(help="See what was rejected and why; put repaired rows back.", no_args_is_help=True)
OfTable = Annotated[str | None, typer.Option("--table", help="Only of this table.")]
OfRule = Annotated[str | None, typer.Option("--rule", help="Only what broke this rule first.")]


@quarantine_app.command("list")
def quarantine_list(
    table: OfTable = None, rule: OfRule = None, source: Source = None, mapping: Mapping = None, json: AsJson = False
) -> None:
    """How many issues are open and resolved, by table and rule; with --table or --rule the open ones, without their rows."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.quarantine import list_issues

    list_issues(settings, table=table, rule=rule, as_json=json)


@quarantine_app.command("show")
def quarantine_show(
    issues: Annotated[list[str], typer.Argument(help="Issues, or how their ids begin.")],
    source: Source = None,
    mapping: Mapping = None,
    json: Annotated[bool, typer.Option("--json", help="The rows as JSON lines, to edit and replay.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The rows as CSV, to edit and replay.")] = False,
) -> None:
    """Issues whole: the raw row (it may hold personal data), where it was read, what was wrong, what to do."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.quarantine import show_issues

    show_issues(settings, issues, form="json" if json else "csv" if csv else "words")


@quarantine_app.command("replay")
def quarantine_replay(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of repaired rows, named as the tables are.")] = None,
    issue: Annotated[str | None, typer.Option(help="An issue to put back, with --set.")] = None,
    values: Annotated[list[str] | None, typer.Option("--set", help="column=value, for --issue.")] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="Of which table the files are; without files: all that is open of it.")
    ] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="All that is open of this rule.")] = None,
    source: Source = None,
    mapping: Mapping = None,
    as_of: OfRun = None,
) -> None:
    """Put repaired rows back through the same door: mapped, typed, judged, landed, counted.

    Files have the columns that the source's files have (of a table mapped by a SELECT, those that the SELECT gives);
    column `_issue` says which issue a row repairs. Doing it twice changes nothing.
    """
    settings = environment.prepare_records(source=source, mapping=mapping, known=True)
    from churn_pipeline.cli.quarantine import replay

    replay(settings, files=files or [], issue=issue, values=values or [], table=table, rule=rule, as_of=as_of)


@quarantine_app.command("dismiss")
def quarantine_dismiss(
    why: Annotated[str, typer.Option(help="Why they are closed; kept with them.")],
    issues: Annotated[list[str] | None, typer.Argument(help="Issues, or how their ids begin.")] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="All that is open of this raw table; not with issues.")
    ] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="All that is open of this rule; not with issues.")] = None,
    source: Source = None,
    mapping: Mapping = None,
    as_of: OfRun = None,
) -> None:
    """Close issues without a record: their bad row is gone at the source, or nobody needs it.

    A trial whose subscription was rejected has a label from the next midnight (UTC) on. Doing it twice changes nothing.
    """
    settings = environment.prepare_records(source=source, mapping=mapping, known=True)
    from churn_pipeline.cli.quarantine import dismiss

    dismiss(settings, issues or [], table=table, rule=rule, why=why, as_of=as_of)

"""The commands about scores: scoring past days, and why one score is what it is."""

from __future__ import annotations

from typing import Annotated

import typer

from churn_pipeline.cli import environment
from churn_pipeline.cli.options import AsJson, Mapping, Source

score_app = typer.Typer(invoke_without_command=True, subcommand_metavar="[explain TRIAL DAY]")


@score_app.callback()
def score(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="First day (YYYY-MM-DD) to score.")] = None,
    to: Annotated[str | None, typer.Option(help="Last day to score; the first alone where it is left out.")] = None,
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Score past days as they were known then, from the records that are in the lake."""
    if context.invoked_subcommand is not None:
        if any((as_of, to, source, mapping, json)):
            context.fail(f"Options of '{context.invoked_subcommand}' stand after it.")
        return
    if as_of is None:
        context.fail("Missing option '--as-of'.")
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.run import score_days

    score_days(settings, first=as_of, last=to or as_of, as_json=json)


@score_app.command("explain")
def score_explain(
    trial: Annotated[str, typer.Argument(help="The trial.")],
    day: Annotated[str, typer.Argument(help="Day (YYYY-MM-DD) of the score.")],
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Rebuild the score that a trial was given on a day, with every reason, from the model and the snapshot of that day.

    Ends with status 1 where it comes out otherwise than it stands in `scores`.
    """
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.explain import explain

    explain(settings, trial, day, as_json=json)

"""The commands about rollouts: `churn model rollout ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from churn_pipeline.cli import environment
from churn_pipeline.cli.options import AsJson, HoldsFrom, Mapping, Source

rollout_app = typer.Typer(
    help="Let a new model take over step by step, beside the champion, and take it back.", no_args_is_help=True
)

Because = Annotated[str, typer.Option(help="Why; goes into the ledger.")]


@rollout_app.command("start")
def rollout_start(
    version: Annotated[str, typer.Argument(help="Version that goes on trial beside the champion.")],
    because: Because,
    share: Annotated[
        int | None,
        typer.Option(min=1, max=99, help="Percent of the trials it scores; default: the first of rollout_steps."),
    ] = None,
    as_of: HoldsFrom = None,
    source: Source = None,
    mapping: Mapping = None,
) -> None:
    """Let a model score a share of the trials beside the champion; the daily job takes it further, or back."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.rollout import start

    start(settings, version, because=because, share=share, as_of=as_of)


@rollout_app.command("status")
def rollout_status(
    as_of: Annotated[str | None, typer.Option(help="Day (YYYY-MM-DD); default: the newest scored one.")] = None,
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Who is on trial, what the newest look at it says, what became of the trials of either arm, and the steps so far."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.rollout import status

    status(settings, as_of=as_of, as_json=json)


@rollout_app.command("advance")
def rollout_advance(because: Because, as_of: HoldsFrom = None, source: Source = None, mapping: Mapping = None) -> None:
    """Take the rollout to its next step by hand, whatever the daily look says; after the last step the canary is champion."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.rollout import advance

    advance(settings, because=because, as_of=as_of)


@rollout_app.command("abort")
def rollout_abort(because: Because, as_of: HoldsFrom = None, source: Source = None, mapping: Mapping = None) -> None:
    """Take the canary out of production: the champion scores every trial, from the next scoring on."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.rollout import abort

    abort(settings, because=because, as_of=as_of)

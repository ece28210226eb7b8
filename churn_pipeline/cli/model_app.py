"""The commands about models."""

from __future__ import annotations

from typing import Annotated

import typer

from churn_pipeline.cli import environment
from churn_pipeline.cli.options import AsJson, HoldsFrom, Mapping, Source
from churn_pipeline.cli.rollout_app import rollout_app

model_app = typer.Typer(help="List, show, reproduce, promote and roll back models.", no_args_is_help=True)
model_app.add_typer(rollout_app, name="rollout")


@model_app.command("list")
def model_list(source: Source = None, mapping: Mapping = None, json: AsJson = False) -> None:
    """Every registered model, with its role and how good it was."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.model import list_models

    list_models(settings, as_json=json)


@model_app.command("show")
def model_show(
    version: Annotated[str, typer.Argument(help="Version of the model.")],
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """What a model was made from, how good it was, and every verdict on it; with --json all of its facts."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.model import show_model

    show_model(settings, version, as_json=json)


@model_app.command("promote")
def model_promote(
    version: Annotated[str, typer.Argument(help="Version that becomes the champion.")],
    because: Annotated[str, typer.Option(help="Why; goes into the ledger.")],
    as_of: HoldsFrom = None,
    source: Source = None,
    mapping: Mapping = None,
) -> None:
    """Make a model the champion by hand."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.model import promote_model

    promote_model(settings, version, because=because, as_of=as_of)


@model_app.command("rollback")
def model_rollback(
    because: Annotated[str, typer.Option(help="Why; goes into the ledger.")] = "rolled back by hand",
    as_of: HoldsFrom = None,
    source: Source = None,
    mapping: Mapping = None,
) -> None:
    """Undo the last change: take a model on trial out of production, else give the role of champion back to who held it before."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.model import roll_back

    roll_back(settings, because=because, as_of=as_of)


@model_app.command("reproduce")
def model_reproduce(
    version: Annotated[str, typer.Argument(help="Version that is trained again.")],
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Train a model again from the rows, recipe and code that its fingerprint names, and say whether every byte is the same.

    Nothing is registered. Ends with status 1 where the bytes differ, or what the model was made from has changed.
    """
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.model import reproduce_model

    reproduce_model(settings, version, as_json=json)

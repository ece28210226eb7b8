"""All commands. What a command does stands in the module of its name; nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from churn_pipeline import __version__
from churn_pipeline.cli import environment
from churn_pipeline.cli.feature_table import TableOptions
from churn_pipeline.cli.model_app import model_app
from churn_pipeline.cli.options import (
    AsJson,
    AsOf,
    Drop,
    Id,
    Keep,
    Label,
    Mapping,
    Positive,
    Segment,
    Source,
    Table,
    Time,
)
from churn_pipeline.cli.quarantine_app import quarantine_app
from churn_pipeline.cli.say import say
from churn_pipeline.cli.score_app import score_app

INTERRUPTED = 128 + 2
"""Exit status after SIGINT, as shells have it; Typer ends with it on Ctrl-C."""


class Pointing(TyperGroup):
    """Commands that, where one is not there, name the one of a group that was perhaps meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of these words; a usage error where there is none."""
        word = args[0]
        if self.get_command(ctx, word) is None:
            groups = {name: getattr(command, "commands", {}) for name, command in self.commands.items()}
            meant = [f"{ctx.command_path} {group} {word} ..." for group, commands in groups.items() if word in commands]
            if len(self.commands) == 1:
                meant = [f"{ctx.command_path} {' '.join(self.commands)} {word}"]
            if meant:
                ctx.fail(f"No such command '{word}'. Did you mean {' or '.join(meant)}?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Pointing,
    name="churn",
    help="Scores every running trial for its probability to convert, says why, and proves it afterwards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
source_app = typer.Typer(cls=Pointing, help="Look at a source of raw records.", no_args_is_help=True)
app.add_typer(source_app, name="source")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(score_app, name="score")
app.add_typer(model_app, name="model")
features_app = typer.Typer(help="Look after the features.", no_args_is_help=True)
app.add_typer(features_app, name="features")


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"churn_pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is, and end."),
    ] = False,
) -> None: ...


@app.command()
def run(
    source: Source = None,
    mapping: Mapping = None,
    table: Table = None,
    id_: Id = None,
    label: Label = None,
    positive: Positive = None,
    time: Time = None,
    segment: Segment = None,
    drop: Drop = None,
    keep: Keep = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Run the whole chain: read, check, learn, decide, score, watch.

    Without --as-of it stands at the midnight after the newest known record. Nothing known at or after that midnight is
    used, training included. With --table it runs on your own feature table in the place of raw records; of that the labels
    are those of today.
    """
    said = TableOptions(table, id_, label, positive, time, segment, drop, keep)
    settings = environment.prepare(source=source, mapping=mapping, table=said)
    from churn_pipeline.cli.run import run_everything

    run_everything(settings, as_of=as_of, as_json=json)


@app.command()
def retrain(source: Source = None, mapping: Mapping = None, as_of: AsOf = None, json: AsJson = False) -> None:
    """Train a challenger and let the gate decide."""
    settings = environment.prepare(source=source, mapping=mapping)
    from churn_pipeline.cli.run import retrain_model

    retrain_model(settings, as_of=as_of, as_json=json)


@source_app.command("check")
def source_check(
    source: Annotated[str | None, typer.Argument(help="Folder of raw files, or address of a database.")] = None,
    mapping: Mapping = None,
    table: Table = None,
    id_: Id = None,
    label: Label = None,
    positive: Positive = None,
    time: Time = None,
    segment: Segment = None,
    drop: Drop = None,
    keep: Keep = None,
) -> None:
    """Read a source, say what was found, what is missing and which features fall away. Nothing of it is taken in.

    Of a feature table (--table) it says what each column is for, which look like ids, and which seem to know the outcome.
    """
    said = TableOptions(table, id_, label, positive, time, segment, drop, keep)
    with TemporaryDirectory(prefix="churn-look-") as folder:
        settings = environment.prepare(source=source, mapping=mapping, table=said, into=Path(folder))
        if settings.of_feature_table:
            from churn_pipeline.cli.summary import named
            from churn_pipeline.cli.table_check import check_table

            check_table(settings, again=said.words(source) if said.given else named(settings))
            return
    if source is None and settings.simulated:
        raise typer.BadParameter(
            "name a folder of raw files, the address of a database, or a --table", param_hint="source"
        )
    from churn_pipeline.cli.source import check

    check(settings)


@source_app.command("contract")
def source_contract(source: Source = None, mapping: Mapping = None) -> None:
    """The data contract of the raw tables as YAML, in the Open Data Contract Standard, with this business's owners and levels."""
    settings = environment.prepare_records(source=source, mapping=mapping)
    from churn_pipeline.cli.docs import data_contract

    typer.echo(data_contract(settings), nl=False)


@source_app.command("init")
def source_init(
    source: Annotated[str, typer.Argument(help="Folder of raw files, or address of a database.")],
    out: Annotated[
        Path | None, typer.Option(help="Mapping file to write; without it one called after the source, here.")
    ] = None,
) -> None:
    """Look at an unknown source, guess its mapping, write it, and say what is unsure."""
    settings = environment.prepare(source=source, mapping=None)
    from churn_pipeline.cli.source import init

    init(settings, out)


@source_app.command("reland")
def source_reland(
    table: Annotated[str, typer.Argument(help="Raw table whose landed records are replaced.")],
    source: Source = None,
    mapping: Mapping = None,
) -> None:
    """Replace all that has landed of a table by a fresh reading, at once; for when the mapping was changed on purpose.

    Earlier versions of its records are forgotten. A reading that a run would refuse changes nothing.
    """
    settings = environment.prepare_records(source=source, mapping=mapping)
    from churn_pipeline.cli.source import reland

    reland(settings, table)


@features_app.command("check")
def features_check(source: Source = None, mapping: Mapping = None, as_of: AsOf = None) -> None:
    """Compute past snapshots from what is known now and from what was known then; a feature that differs knows the future.

    Features of your own are told with their least, mean and greatest value at the running trials.
    """
    settings = environment.prepare_records(source=source, mapping=mapping)
    from churn_pipeline.cli.features import check

    check(settings, as_of=as_of)


@app.command()
def table(
    query: Annotated[str, typer.Argument(help="A table of the warehouse, or a SELECT.")],
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Rows to show; without it those that fit on the screen, of the first twenty."),
    ] = None,
    source: Source = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Show rows of a table that people read, or the answer to a SELECT."""
    settings = environment.prepare_known(source=source, mapping=mapping)
    from churn_pipeline.cli.table import show

    show(settings, query, limit=limit, as_json=json)


@app.command()
def dev(
    source: Source = None,
    mapping: Mapping = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65533, help="Port of Dagster's UI (else setting dev_port); MLflow's and the reports' follow."
        ),
    ] = None,
) -> None:
    """Start Dagster's UI, its daemon and MLflow's UI; Ctrl-C ends all of them."""
    settings = environment.prepare(source=source, mapping=mapping)
    from churn_pipeline.cli.dev import serve

    serve(settings, port=port or settings.dev_port)


@app.command()
def stop() -> None:
    """Stop the embedded database server.

    Ends with `Busy` and touches nothing while a run or `churn dev` goes on.
    """
    settings = environment.prepare(source=None, mapping=None)
    from churn_pipeline.adapters.embedded_postgres import stop_server
    from churn_pipeline.cli.clean import nobody_works

    with nobody_works(settings):
        stopped = stop_server(settings.data_dir)
    sys.stdout.write(
        f"{'stopped' if stopped else 'nothing was running:'} the embedded PostgreSQL in {settings.data_dir}\n"
    )


@app.command()
def clean(
    business: Annotated[
        str | None, typer.Option(help="Only of this business, its database included; all others stay as they are.")
    ] = None,
) -> None:
    """Forget everything that was computed, of every business; leaves mappings, sources and whatever else is not its own.

    Ends with `Busy` and touches nothing while a run or `churn dev` goes on.
    """
    settings = environment.prepare(source=None, mapping=None)
    from churn_pipeline.cli.clean import clean as forget
    from churn_pipeline.cli.clean import clean_business

    if business is None:
        forget(settings)
    else:
        clean_business(settings, business)


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the generated pages are up to date.")
    ] = False,
) -> None:
    """Generate the data dictionary, the data contract, the settings and the command reference in docs/."""
    from churn_pipeline.cli.docs import generate

    generate(app, check=check)


def main() -> None:
    """Run the command; what is foreseen ends with its message and exit status 1, without a traceback; Ctrl-C with 130."""
    from churn_pipeline.cli.errors import foreseen, told

    try:
        app()
    except foreseen() as error:
        if os.environ.get("CHURN_TRACEBACK"):
            raise
        say(f"\n{told(error, sys.argv[1:])}", to=sys.stderr)
        raise SystemExit(1) from error
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say(
                f"\ninterrupted{_interrupted_at(end)}; nothing is there by halves, and what was finished is kept: run it again",
                to=sys.stderr,
            )
        raise


def _interrupted_at(end: BaseException) -> str:
    """What the interrupt says that it ended, if that is known; Typer turns it into an exit."""
    before: BaseException | None = end
    while before is not None:
        if isinstance(before, KeyboardInterrupt):
            return f": {before}" if str(before) else ""
        before = before.__cause__ or before.__context__
    return ""

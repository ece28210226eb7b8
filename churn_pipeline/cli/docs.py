"""The generated pages of docs/: what they say stands in the code, and a check fails when they are stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from churn_pipeline import __version__
from churn_pipeline.contracts.derive.contract import Terms, contract_page, odcs
from churn_pipeline.contracts.derive.dictionary import dictionary
from churn_pipeline.contracts.features.catalogue import FEATURES, LEARNT, NAMED
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.tables import TABLES
from churn_pipeline.settings import PROJECT, Settings

FOLDER = PROJECT / "docs"
DEFAULTS = Settings.model_construct()
"""The settings as they are where nobody sets any."""


def generate(app: typer.Typer, *, check: bool) -> None:
    """Write the pages; with `check` only compare, and exit with status 1 naming the stale ones."""
    stale = []
    for name, text in pages(app).items():
        path = FOLDER / name
        if check and (not path.exists() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale:
        sys.stderr.write(f"stale in docs/: {', '.join(stale)}\n  do: make docs, and commit what changed\n")
        raise SystemExit(1)


def pages(app: typer.Typer) -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "data-dictionary.md": dictionary(TABLES, FEATURES, NAMED, LEARNT),
        "data-contract.md": contract_page(RAW_TABLES, terms(DEFAULTS)),
        "data-contract.odcs.yaml": data_contract(DEFAULTS),
        "settings.md": settings_page(),
        "commands.md": commands_page(app),
    }


def data_contract(settings: Settings) -> str:
    """The data contract of a business in the Open Data Contract Standard, as YAML."""
    return odcs(RAW_TABLES, terms(settings), version=__version__)


def terms(settings: Settings) -> Terms:
    """What the settings say in the data contract."""
    return Terms(
        business=settings.business,
        owners=settings.owners,
        max_bad_share=settings.max_bad_share,
        false_alarm=settings.expectation_false_alarm,
        window_days=settings.expectation_window_days,
        levels=settings.expectation_levels,
    )


def settings_page() -> str:
    """Every setting: environment variable, default, bounds, meaning."""
    lines = [
        f"| `CHURN_{name.upper()}` | {_default(getattr(DEFAULTS, name))} | {_bounds(field.metadata)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\n\nGenerated from `settings` by `churn docs`; do not edit. Each is an environment variable, or a "
        "line without `CHURN_` and in small letters under `settings:` of a mapping file; the environment wins.\n\n"
        "| setting | default | allowed | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def commands_page(app: typer.Typer) -> str:
    """Every command with its options, as `--help` tells them."""
    parts = ["# Commands\n\nGenerated from the `churn` command by `churn docs`; do not edit.\n"]
    for path, command in _commands(typer.main.get_command(app), ("churn",)):
        options = "\n".join(_option(parameter) for parameter in command.params if parameter.name != "help")
        parts.append(f"## {' '.join(path)}\n\n{(command.help or '').strip()}\n" + (f"\n{options}\n" if options else ""))
    return "\n".join(parts)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    if not children or command.invoke_without_command:
        yield path, command
    for name, child in children.items():
        yield from _commands(child, (*path, name))


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts) if parameter.param_type_name == "option" else None
    return f"- {names or f'`{parameter.name.upper()}`'}: {parameter.help or ''}"


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT) if value.is_relative_to(PROJECT) else value}`"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _bounds(metadata: list[Any]) -> str:
    words = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "pattern": "like"}
    found = [
        f"{word} {getattr(bound, name)}"
        for bound in metadata
        for name, word in words.items()
        if getattr(bound, name, None) is not None
    ]
    return ", ".join(found).replace("|", "\\|")

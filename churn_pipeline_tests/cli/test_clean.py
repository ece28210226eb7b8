from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.adapters.embedded_postgres import answers
from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.postgres import DatabaseError, businesses
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.simulation.write import MANIFEST
from churn_pipeline.cli.clean import clean, clean_business, made
from churn_pipeline.cli.dev import only_dev
from churn_pipeline.settings import Settings

OURS = (
    "postgres.password", "dagster/logs/run", f"demo/source/{MANIFEST}", "demo/truth/truth.parquet", "demo/lake/raw/trials/a.parquet",
    "demo/source.lock", "demo/mlflow/model", "acme/lake/raw/buckets", "acme/reports/drift.html",
)  # fmt: skip
THEIRS = (
    "mappings/shop.yaml", "my_mapping.yaml", "my_export2/trials.csv", "my_export2/source/trials.csv", "my_export2/lake/trials.csv",
    "my_export2/mlflow/notes.txt", "postgres_dump.sql",
    "acme/trials.csv", "acme/source/trials.csv",
)  # fmt: skip


def filled(data_dir: Path, *names: str) -> Path:
    for name in names:
        (data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (data_dir / name).write_text("")
    return data_dir


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_the_project_made_is_removed_whatever_else_lies_there_stays_and_both_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = filled(tmp_path, *OURS, *THEIRS)
    clean(Settings(data_dir=data_dir, postgres_url=None))
    assert files(data_dir) == set(THEIRS)
    assert not (data_dir / "demo").exists()
    removed, left, place = capsys.readouterr().out.splitlines()
    assert removed.startswith("removed  postgres.password, dagster, acme/lake, acme/reports, ")
    assert "demo/source, demo/source.lock, demo/truth" in removed
    assert left == "left     acme, mappings, my_export2, my_mapping.yaml, postgres_dump.sql"
    assert place == f"in       {data_dir}"


def test_where_nothing_was_made_nothing_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean(Settings(data_dir=tmp_path / "none", postgres_url=None))
    assert capsys.readouterr().out.startswith("removed  nothing\nleft     nothing\n")
    assert made(filled(tmp_path, *THEIRS)) == []


def test_while_churn_dev_or_a_child_it_left_lives_nothing_is_touched(tmp_path: Path) -> None:
    data_dir = filled(tmp_path, *OURS)
    with only_dev(data_dir / "acme") as held:
        orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(held,))
        before = files(data_dir)
        with pytest.raises(Busy, match=r"`churn dev` serves business `acme` \(process \d+\)\.\n  do: end it"):
            clean(Settings(data_dir=data_dir, postgres_url=None))
    try:
        with pytest.raises(Busy, match="`churn dev` serves business `acme`"):
            clean(Settings(data_dir=data_dir, postgres_url=None))
        assert files(data_dir) - {"demo/dev.lock"} == before - {"demo/dev.lock"}
    finally:
        orphan.kill()
        orphan.wait()
    clean(Settings(data_dir=data_dir, postgres_url=None))
    assert files(data_dir) == set()


def test_while_any_business_is_written_the_server_runs_on_and_nothing_is_removed(short_data_dir: Path) -> None:
    settings = Settings(data_dir=filled(short_data_dir, "acme/lake/raw/buckets"), postgres_url=None)
    with (
        Warehouse.of(settings.model_copy(update={"business": "acme"})).lock(WRITERS),
        pytest.raises(Busy, match=r"process \d+"),
    ):
        clean(settings)
    assert answers(short_data_dir)
    assert "acme/lake/raw/buckets" in files(short_data_dir)
    clean(settings)
    assert not answers(short_data_dir)
    assert files(short_data_dir) == set()


def test_the_mapping_that_options_made_goes_and_the_one_that_a_person_wrote_into_stays(tmp_path: Path) -> None:
    for business, more in (("ours", ""), ("theirs", "  kinds: {plan: category}\n")):
        (tmp_path / business / "lake").mkdir(parents=True)
        said = f"business: {business}\nfeature_table:\n  from: t.csv\n  label: churned\n  positive: 'no'\n{more}"
        (tmp_path / business / "feature_table.yaml").write_text(said)
    clean(Settings(data_dir=tmp_path))
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "theirs",
        "theirs/feature_table.yaml",
    ]


def test_one_business_is_forgotten_with_its_database_and_all_others_stay(
    short_data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=filled(short_data_dir, *OURS[2:], *THEIRS), postgres_url=None)
    acme, demo = (settings.model_copy(update={"business": name}) for name in ("acme", "demo"))
    for business in (acme, demo):
        Warehouse.of(business).create()
    others = {name for name in files(short_data_dir) if name.startswith("demo/")} | set(THEIRS)
    with pytest.raises(DatabaseError, match=r"business `acne`; did you mean acme\?\n  allowed: acme, demo"):
        clean_business(settings, "acne")
    with Warehouse.of(acme).lock(WRITERS), pytest.raises(Busy):
        clean_business(settings, "acme")
    with only_dev(acme.home), pytest.raises(Busy):
        clean_business(settings, "acme")
    assert "acme/lake/raw/buckets" in files(short_data_dir)
    clean_business(settings, "acme")
    removed, *_ = capsys.readouterr().out.splitlines()
    assert removed == "removed  database churn_acme, acme/lake, acme/reports, acme/dev.lock"
    assert others <= files(short_data_dir)
    assert {name for name in files(short_data_dir) if name.startswith("acme/")} == {
        "acme/trials.csv",
        "acme/source/trials.csv",
    }
    assert businesses(settings) == ["demo"]
    Warehouse.of(acme).create()
    assert businesses(settings) == ["acme", "demo"], "it can be run anew"


@pytest.mark.flow
def test_in_a_postgresql_of_ones_own_nothing_is_dropped(settings: Settings) -> None:
    Warehouse.of(settings).create()
    filled(settings.home, "lake/raw/buckets")
    with pytest.raises(DatabaseError, match=r"drop schema if exists dagster, mlflow, optuna, analytics cascade"):
        clean_business(settings, settings.business)
    assert businesses(settings) == [settings.business]
    assert "lake/raw/buckets" in files(settings.home)

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli import run
from churn_pipeline.cli.run import RunFailed, chosen_day, parsed_day, score_days, told
from churn_pipeline.orchestration.metadata import finding
from churn_pipeline.settings import PROJECT, Settings
from churn_pipeline_tests.batches import clean_source, event, write_csv

pytestmark = pytest.mark.flow


def test_a_day_that_is_asked_for_is_the_day() -> None:
    assert chosen_day(Settings(), "2024-05-01") == date(2024, 5, 1)


def test_the_demo_stands_at_the_end_of_its_time() -> None:
    assert chosen_day(Settings(source=None, demo_until=date(2024, 7, 1)), None) == date(2024, 7, 1)


def test_a_source_stands_at_the_midnight_after_its_newest_record(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "acme")
    settings = Settings(source=source.folder, data_dir=tmp_path / "data")
    assert chosen_day(settings, None) == date(2024, 5, 26)  # the last subscription is of the 25th
    late = event(1, event_id="late", received_at="2024-06-03T00:00:00Z")
    write_csv(source.folder / "events.csv", [event(0), late])
    assert chosen_day(settings, None) == date(2024, 6, 4)


def test_a_source_without_records_says_what_to_do(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "acme")
    for file in source.folder.glob("*.csv"):
        file.write_text(file.read_text().splitlines()[0] + "\n")
    settings = Settings(source=source.folder, data_dir=tmp_path / "data")
    with pytest.raises(RunFailed, match=r"holds no record\.\n  do: churn source check"):
        chosen_day(settings, None)
    assert not settings.home.exists()


def test_a_mapping_without_a_source_is_refused(tmp_path: Path) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text("business: shop\n")
    with pytest.raises(RunFailed, match=r"shop\.yaml maps a source, and none is named\.\n  do: add --source FOLDER"):
        chosen_day(Settings(mapping=mapping, data_dir=tmp_path), "2024-05-01")


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "2024-05-01T00:00", ""])
def test_what_is_no_day_is_told_with_what_is_one(text: str) -> None:
    with pytest.raises(RunFailed, match=r"is no day\.\n  allowed: YYYY-MM-DD\n  do: name a day"):
        parsed_day(text)


def test_days_in_the_wrong_order_are_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "execute", lambda *_: pytest.fail("ran"))
    with pytest.raises(RunFailed, match="--to 2024-05-01 lies before --as-of 2024-05-02"):
        score_days(Settings(), first="2024-05-02", last="2024-05-01", as_json=False)


@pytest.mark.parametrize("text", ["1980-01-01", "2999-01-01"])
def test_a_day_beyond_the_calendar_is_refused_before_anything_starts(text: str, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=f"{text} cannot be looked from.\n  allowed: 1990-01-01 to "):
        score_days(Settings(data_dir=tmp_path), first=text, last=text, as_json=False)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def business(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty business which Dagster's instance, read from the environment, sees as well."""
    for name in [name for name in os.environ if name.startswith("CHURN_")]:
        monkeypatch.delenv(name)
    assert settings.postgres_url is not None
    monkeypatch.setenv("CHURN_POSTGRES_URL", settings.postgres_url.get_secret_value())
    monkeypatch.setenv("CHURN_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("DAGSTER_HOME", str(PROJECT))
    return settings


@pytest.mark.flow
def test_days_are_scored_the_oldest_first_and_a_business_without_trials_says_so(
    business: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    score_days(business, first="2024-05-01", last="2024-05-02", as_json=False)
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "2024-05-01  no trial: none is running",
        "2024-05-02  no trial: none is running",
    ]
    assert "rescore as of 2024-05-02: green in" in captured.err
    assert "s  scores" in captured.err
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
    assert [(r.job_name, r.status.value, r.tags["dagster/partition"]) for r in runs] == [
        ("rescore", "SUCCESS", "2024-05-02"),
        ("rescore", "SUCCESS", "2024-05-01"),
    ]
    score_days(business, first="2024-05-02", last="2024-05-02", as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"as_of": "2024-05-02", "scored": [], "odd": []}]


@pytest.mark.parametrize("command", [run.run_everything, run.retrain_model])
def test_after_the_end_of_the_simulated_business_a_run_says_that_nothing_is_newer(
    command: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "execute", lambda *_: None)
    monkeypatch.setattr(run, "say_run", lambda *_, **__: None)
    for day in ("2024-07-01", "2024-07-02"):
        command(Settings(source=None, demo_until=date(2024, 7, 1)), as_of=day, as_json=False)
    assert capsys.readouterr().err == (
        "the simulated business ends on 2024-07-01 (setting demo_until): as of 2024-07-02 there is no newer record to learn from "
        "or to score\n"
    )


@pytest.mark.flow
def test_a_red_run_says_which_step_failed_and_what_it_said(business: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_pipeline.capabilities.features.snapshots.write_labels", lambda *_: 1 / 0)
    with pytest.raises(RunFailed) as failed:
        score_days(business, first="2024-05-01", last="2024-05-03", as_json=False)
    assert str(failed.value).splitlines()[0] == "rescore as of 2024-05-01 is red."
    assert "step labels: ZeroDivisionError: division by zero" in str(failed.value)


@pytest.mark.flow
def test_an_interrupted_run_is_no_red_run_and_leaves_the_place_of_the_writer(
    business: Settings, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    with monkeypatch.context() as patched:
        interrupt = "churn_pipeline.capabilities.features.snapshots.write_labels"
        patched.setattr(interrupt, lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="rescore as of 2024-05-01, in step labels"):
            score_days(business, first="2024-05-01", last="2024-05-03", as_json=False)
    with warehouse.lock(WRITERS):
        pass


@pytest.mark.slow
def test_ctrl_c_while_a_source_is_read_ends_with_a_line_and_status_130(business: Settings) -> None:
    """DuckDB makes an error of its own of the interrupt."""
    churn = [
        sys.executable,
        "-c",
        "import sys; from churn_pipeline.cli.main import main; sys.argv[0] = 'churn'; main()",
    ]
    started = subprocess.Popen(
        [*churn, "run"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"CHURN_DEMO_TRIALS": "4000"},
        # who starts pytest in the background lets its children ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert started.stderr is not None
    at_work = (line for line in started.stderr if re.search(r"\d s  demo_source$", line))
    assert next(at_work), "the simulation never ended"
    time.sleep(0.5)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=120)
    assert started.returncode == 130, err
    *_, last = err.splitlines()
    assert re.fullmatch(
        r"interrupted: everything as of [\d-]+(, in step \w+)?; nothing is there by halves, .*: run it again", last
    )
    assert "Traceback" not in err
    assert "FAILED" not in err


@pytest.mark.slow
def test_ctrl_c_while_the_server_is_made_ends_with_a_line_and_status_130(short_data_dir: Path, tmp_path: Path) -> None:
    """It goes to every process of the terminal; PostgreSQL's programs would fail of it, and that be told in the place of the interrupt."""
    bare = {name: word for name, word in os.environ.items() if not name.startswith("CHURN_")}
    started = subprocess.Popen(
        [Path(sys.executable).parent / "churn", "run", "--source", clean_source(tmp_path / "acme").folder],
        stderr=subprocess.PIPE,
        text=True,
        env=bare | {"CHURN_DATA_DIR": str(short_data_dir)},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    beside = short_data_dir / "postgres.new" / "cluster"
    until = time.monotonic() + 60
    while not beside.exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=120)
    assert started.returncode == 130, err
    assert err.strip().startswith("interrupted; nothing is there by halves")


@pytest.mark.flow
def test_while_somebody_writes_nothing_is_run(business: Settings, warehouse: Warehouse) -> None:
    with warehouse.lock(WRITERS), pytest.raises(Busy, match="another process is at work"):
        score_days(business, first="2024-05-01", last="2024-05-01", as_json=False)


@pytest.mark.flow
def test_what_a_blocking_check_found_is_told_whole_and_a_warning_is_not() -> None:
    @dg.asset
    def records() -> None: ...

    @dg.asset_check(asset="records", blocking=True)
    def fit() -> dg.AssetCheckResult:
        return finding("fit", passed=False, words="events: refused\nevents.csv, rule empty_batch")

    @dg.asset_check(asset="records")
    def nice() -> dg.AssetCheckResult:
        return finding("nice", passed=False, words="not so nice", blocks=False)

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(
            assets=[records], asset_checks=[fit, nice], jobs=[dg.define_asset_job("all", "*")]
        ).resolve_job_def("all")
        words = told(job.execute_in_process(instance=instance, raise_on_error=False))
    assert words == "  check fit on records: events: refused\nevents.csv, rule empty_batch"

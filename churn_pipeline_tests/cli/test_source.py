from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.postgres import DatabaseError
from churn_pipeline.adapters.sources import SourceError
from churn_pipeline.cli.run import chosen_day
from churn_pipeline.cli.source import FIT, check, init, reland, require_records
from churn_pipeline.contracts.raw import EVENTS, TRIALS
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import clean_source, event, take_in, write_csv
from churn_pipeline_tests.unknown import write_unknown

pytestmark = pytest.mark.flow


def checked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    check(Settings(source=folder, data_dir=tmp_path / "data"))
    return capsys.readouterr().out.splitlines()


def test_a_source_is_told_by_table_with_what_it_lacks_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = clean_source(tmp_path / "acme")
    (source.folder / "notes.csv").write_text("a\n1\n")
    lines = checked(source.folder, tmp_path, capsys)
    assert lines[0] == "trials: 40 rows, 40 good, known 2024-05-01 to 2024-05-20 (trials.csv)"
    assert "invoices: not found (optional)" in lines
    assert "not used: notes.csv" in lines
    away = "\n".join(lines[lines.index("features that fall away:") :])
    assert "without events.session_id: sessions_total, sessions_7d" in away
    assert "without trials.sector, indicators.value: indicator_..." in away
    assert "without touches.touch_id: touches_total, hours_since_last_touch" in away
    assert "value_total" not in away
    assert lines[-3:-1] == ["no problems", FIT]
    assert re.fullmatch(rf"next: \S*churn run --source {source.folder}", lines[-1])
    lake = tmp_path / "data" / "acme" / "lake"
    assert not lake.exists()


def test_how_much_of_each_column_is_null_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clean_source(tmp_path / "acme")
    write_csv(source.folder / "events.csv", [event(n, session_id="s" if n % 4 else "", feature="") for n in range(40)])
    lines = checked(source.folder, tmp_path, capsys)
    (events,) = (n for n, line in enumerate(lines) if line.startswith("events: "))
    assert lines[events + 1] == "  null: session_id 25%, feature 100%"


def test_bad_rows_are_told_and_do_not_stop_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clean_source(tmp_path / "acme")
    events = [event(n) for n in range(40)]
    write_csv(source.folder / "events.csv", [*events, event(0), event(99, trial_id="nobody")])
    lines = checked(source.folder, tmp_path, capsys)
    assert any(line.startswith("events: 42 rows, 40 good, 1 exact copies") for line in lines)
    assert any("unknown_trial, first: events.csv line 43 (nobody)" in line for line in lines)
    assert "a run would stop here:" not in lines


@pytest.mark.parametrize("spoil", ["missing column", "missing table", "no rows", "empty file", "picture", "bad rows"])
def test_a_source_on_which_a_run_would_stop_ends_with_status_1(
    spoil: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = clean_source(tmp_path / "acme")
    events = source.folder / "events.csv"
    if spoil == "missing column":
        write_csv(events, [{k: v for k, v in event(n).items() if k != "event_name"} for n in range(40)])
    elif spoil == "missing table":
        events.unlink()
    elif spoil == "no rows":
        write_csv(events, [], columns=event(0))
    elif spoil == "bad rows":
        write_csv(events, [event(n, occurred_at="13/45/2026" if n < 9 else "2024-05-21") for n in range(40)])
    elif spoil == "picture":
        events.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 40)
    else:
        events.write_text("")
    with pytest.raises(SystemExit) as ended:
        checked(source.folder, tmp_path, capsys)
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "a run would stop here:" in said
    assert "do:" in said[said.index("a run would stop here:") :]


def test_a_folder_with_a_table_of_another_kind_points_at_feature_tables(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "our customers.csv").write_text("id,churned\n1,no\n")
    settings = Settings(source=tmp_path / "acme", data_dir=tmp_path / "data")
    command = f"churn run --table '{tmp_path}/acme/our customers.csv' --label COLUMN --positive VALUE"
    for asked in (
        lambda: check(settings),
        lambda: chosen_day(settings, None),
        lambda: chosen_day(settings, "2024-05-01"),
    ):
        with pytest.raises(SourceError, match=re.escape(command)):
            asked()
    assert not (tmp_path / "data").exists()
    (tmp_path / "acme" / "events-1.csv").write_text("event_id\n")
    require_records(settings)


def test_a_guessed_mapping_of_an_unknown_folder_can_be_checked_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_unknown("a CRM export", tmp_path / "acme")
    out = tmp_path / "acme.yaml"
    init(Settings(source=folder, data_dir=tmp_path / "data"), out)
    said = capsys.readouterr().out
    assert f"next: look at what is unsure in it, then churn source check {folder} --mapping {out}" in said
    assert not (tmp_path / "data").exists()
    check(Settings(source=folder, mapping=out, data_dir=tmp_path / "data"))
    assert "events: 180 rows, 180 good" in capsys.readouterr().out


def test_another_folder_of_the_name_is_neither_checked_nor_guessed_against_what_has_landed(
    tmp_path: Path, database: str
) -> None:
    mine, others = (clean_source(tmp_path / place / "acme").folder for place in ("mine", "others"))
    where: dict[str, Any] = {"data_dir": tmp_path / "data", "postgres_url": database}
    settings = Settings(source=mine, **where)
    take_in(Lake.of(settings), clean_source(mine))
    check(settings)
    with pytest.raises(DatabaseError, match="is another place of that name"):
        check(Settings(source=others, **where))
    with pytest.raises(DatabaseError, match="is another place of that name"):
        init(Settings(source=others, **where), tmp_path / "guess.yaml")
    assert not (tmp_path / "guess.yaml").exists()


def test_a_mapping_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "acme.yaml"
    out.write_text("mine")
    with pytest.raises(SourceError, match="is there already"):
        init(Settings(source=tmp_path, data_dir=tmp_path / "data"), out)
    assert out.read_text() == "mine"


def real(name: str) -> Path:
    folder = Path(os.environ.get("CHURN_REALDATA", "nowhere")) / name
    if not folder.is_dir():
        pytest.skip(f"CHURN_REALDATA names no folder with the real set {name}: nothing is guessed of it")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trial_workforce_saas", "ravenstack_saas"])
def test_real_folders_are_guessed_without_a_crash_and_with_what_is_unsure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(Settings(source=real(name), data_dir=tmp_path / "data"), tmp_path / "guess.yaml")
    text = (tmp_path / "guess.yaml").read_text()
    assert "# unsure: " in text
    assert "written: " in capsys.readouterr().out


@pytest.mark.slow
def test_of_a_real_folder_without_a_table_of_trials_it_is_said_what_lies_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is: CDNOW_master\.txt\.gz, CDNOW_sample\.txt, "):
        init(Settings(source=real("cdnow"), data_dir=tmp_path / "data"), tmp_path / "guess.yaml")
    assert not (tmp_path / "guess.yaml").exists()


def events_of(settings: Settings) -> set[tuple[str, str]]:
    """Key and name of each event that has landed."""
    lake = Lake.of(settings)
    with lake.engine.connection() as connection:
        lake.history(connection, EVENTS, view="e")
        return set(connection.execute("select event_id, event_name from e").fetchall())


def test_after_a_change_of_the_mapping_a_fresh_reading_takes_the_place_of_what_landed(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = clean_source(tmp_path / "acme", trials=10)
    settings = Settings(source=source.folder, data_dir=tmp_path / "data", postgres_url=database)
    take_in(Lake.of(settings), source, [TRIALS, EVENTS])
    mapping = tmp_path / "acme.yaml"
    mapping.write_text("business: acme\ntables: {events: {from: events.csv, columns: {event_name: {constant: seen}}}}")
    changed = Settings(source=source.folder, mapping=mapping, data_dir=tmp_path / "data", postgres_url=database)
    with pytest.raises(SystemExit):
        check(changed)
    assert "churn source reland" in capsys.readouterr().out
    reland(changed, "events")
    assert "10 rows read, 0 rejected, 10 now stand" in capsys.readouterr().out
    assert events_of(changed) == {(f"e{n}", "seen") for n in range(10)}
    check(changed)


def test_a_reading_that_would_be_refused_takes_no_place(tmp_path: Path, database: str) -> None:
    source = clean_source(tmp_path / "acme", trials=10)
    settings = Settings(source=source.folder, data_dir=tmp_path / "data", postgres_url=database)
    take_in(Lake.of(settings), source, [TRIALS, EVENTS])
    before = events_of(settings)
    write_csv(source.folder / "events.csv", [event(n, occurred_at="soon") for n in range(10)])
    with pytest.raises(SourceError, match="nothing has changed"):
        reland(settings, "events")
    with pytest.raises(SourceError, match="did you mean events"):
        reland(settings, "event")
    assert events_of(settings) == before


def test_where_nothing_looks_like_a_raw_table_no_mapping_is_written(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_csv(tmp_path / "shop" / "weather.csv", [{"town": "Bern", "rain": n} for n in range(30)])
    with pytest.raises(
        SourceError, match=r"none of its tables looks like trials, events, subscriptions; there is: weather\.csv"
    ):
        init(Settings(data_dir=tmp_path / "data", source=tmp_path / "shop"), tmp_path / "shop.yaml")
    assert not (tmp_path / "shop.yaml").exists()

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.cli.source import check
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import clean_source, event, write_csv


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
    assert "without touches.touch_id: touches_total, hours_since_last_touch" in away
    assert "value_total" not in away
    assert lines[-1] == "no problems"
    lake = tmp_path / "data" / "acme" / "lake"
    assert not lake.exists()


def test_bad_rows_are_told_and_do_not_stop_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clean_source(tmp_path / "acme")
    events = [event(n) for n in range(40)]
    write_csv(source.folder / "events.csv", [*events, event(0), event(99, trial_id="nobody")])
    lines = checked(source.folder, tmp_path, capsys)
    assert any(line.startswith("events: 42 rows, 40 good, 1 exact copies") for line in lines)
    assert any("unknown_trial, first: events.csv line 43 (nobody)" in line for line in lines)
    assert "a run would stop here:" not in lines


@pytest.mark.parametrize("spoil", ["missing column", "missing table", "no rows", "empty file", "bad rows"])
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
    else:
        events.write_text("")
    with pytest.raises(SystemExit) as ended:
        checked(source.folder, tmp_path, capsys)
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "a run would stop here:" in said
    assert "do:" in said[said.index("a run would stop here:") :]

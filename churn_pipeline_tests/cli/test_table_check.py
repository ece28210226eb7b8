from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_pipeline.cli.table_check import check_table
from churn_pipeline.settings import Settings
from churn_pipeline_tests.tables import team_table, write_table

pytestmark = pytest.mark.usefixtures("own_data_dir")


def test_a_check_names_ids_and_planted_leaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_table(Settings(mapping=write_table(tmp_path)))
    said = capsys.readouterr().out
    kept, _, left = said.partition("left out (use one all the same by --keep):")
    assert "table.csv: 600 rows; churned:" in kept
    assert "(counts as converted)" in kept
    assert "100 without, to score" in kept
    check_table(Settings(mapping=write_table(tmp_path, team_table(600).dropna(subset=["churned"]))))
    assert "; every row has it: scored are those that models are only tested on\n" in capsys.readouterr().out
    assert [line.split()[0] for line in kept.splitlines()[1:]] == ["customer_id", "churned", "visits", "plan", "Noise,"]
    for column, why in {
        "account_uuid": "id",
        "version": "always the same",
        "final_invoice": "leak",
        "churn_reason": "leak",
    }.items():
        (line,) = (line for line in left.splitlines() if line.split()[:1] == [column])
        assert why in line
    assert "\nfit for a run\nnext: " in said
    assert not (tmp_path / "data" / "team").exists(), "nothing is taken in"


def test_a_check_tells_how_much_of_each_column_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = team_table(600, unlabelled=120).assign(nothing=None)
    frame["visits"] = frame["visits"].astype(object).where(frame.index >= 3, "NA")
    frame["plan"] = frame["plan"].where(frame.index % 4 > 0)
    check_table(Settings(mapping=write_table(tmp_path, frame)))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    told = {words[0]: words[words.index("null") + 1] for words in lines if "null" in words}
    assert (told["customer_id"], told["churned"], told["visits"], told["plan"]) == ("0%", "20%", "<1%", "25%")
    assert told["nothing"] == "100%"


def test_a_check_of_a_table_that_would_stop_a_run_says_why_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = team_table(300)
    frame["customer_id"] = "the same"
    with pytest.raises(SystemExit):
        check_table(Settings(mapping=write_table(tmp_path, frame)))
    said = capsys.readouterr().out
    assert "duplicate_key" in said
    assert "a run would stop here:" in said
    assert os.environ.get("CHURN_MAPPING") is None

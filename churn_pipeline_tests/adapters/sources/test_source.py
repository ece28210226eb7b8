from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from churn_pipeline.adapters.sources import Source, SourceError, open_source
from churn_pipeline.adapters.sources.table_reader import read_table
from churn_pipeline.contracts.raw import EVENTS, TRIALS


def test_files_are_found_by_the_names_of_the_tables(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    ours = (
        "trials/any.csv",
        "trials-05.csv.gz",
        "trials-06.JSONL",
        "trials-07.ndjson.zst",
        "trials.csv",
        "trials.parquet",
    )
    others = ("trials_old.csv", "my-trials.csv", "trials.txt", "trialsx.csv", "trials.parquet.gz", "trials.json")
    for name in (*ours, *others):
        (tmp_path / name).write_text("")
    assert [p.relative_to(tmp_path).as_posix() for p in Source(tmp_path).files(TRIALS)] == list(ours)


def test_every_file_that_can_be_reached_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("z.csv", "a/b/c.csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.csv").symlink_to(tmp_path / "round.csv")
    assert Source(tmp_path).all_files() == (tmp_path / "a/b/c.csv", tmp_path / "z.csv")


def test_a_table_without_files_is_not_present(tmp_path: Path) -> None:
    connection = duckdb.connect()
    reading = read_table(open_source(tmp_path), connection, EVENTS)
    assert not reading.present
    assert connection.execute(f"select count(*) from {reading.view}").fetchall() == [(0,)]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        open_source(tmp_path / "none")

from __future__ import annotations

from pathlib import Path

import duckdb

from churn_pipeline.adapters.sources.files import read_file
from churn_pipeline.adapters.sources.kinds import LEAST, kinds
from churn_pipeline.adapters.sources.mapping import Files


def of(path: Path) -> tuple[str, ...]:
    """The kinds of the columns of a file."""
    connection = duckdb.connect()
    return kinds(connection, read_file(connection, path, path.name, Files(patterns=("*",)), view="v"))


def test_a_column_is_what_all_of_its_values_read_as(tmp_path: Path) -> None:
    lines = "".join(f"{n},{n / 2},2024-05-{n % 9 + 1:02d},{n % 2 == 0},x{n},{'' if n else 7}\n" for n in range(LEAST))
    (tmp_path / "f.csv").write_text(f"whole,real,day,flag,word,rare\n{lines}broken\n")
    assert of(tmp_path / "f.csv") == ("number", "number", "timestamp", "boolean", "text", "")


def test_it_makes_no_difference_how_the_file_holds_them(tmp_path: Path) -> None:
    query = (
        f"select i as whole, timestamp '2024-05-01' + to_days(i::int) as day, 'x' as word from range({LEAST}) as r(i)"
    )
    for suffix in ("parquet", "csv"):
        duckdb.connect().execute(f"copy ({query}) to '{tmp_path}/f.{suffix}'")
        assert of(tmp_path / f"f.{suffix}") == ("number", "timestamp", "text")


def test_without_a_column_there_is_no_kind(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text("[1]\n")
    assert of(tmp_path / "f.jsonl") == ()

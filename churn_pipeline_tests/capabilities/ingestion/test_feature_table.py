from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.adapters.feature_table import read_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import SourceError, open_source, opened
from churn_pipeline.adapters.sources.mapping import TableSpec, feature_table
from churn_pipeline.capabilities.ingestion.feature_table import look_at, newest_time, stage_feature_table
from churn_pipeline.settings import Settings
from churn_pipeline_tests.servers import fill
from churn_pipeline_tests.tables import SAID, table_mapping, team_table

DAY = datetime(2024, 3, 10, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.of(Settings(data_dir=tmp_path / "data"))


def spec(file: str = "table.csv", **other: Any) -> TableSpec:
    return TableSpec.model_validate({"from": file} | SAID | other)


def staged(lake: Lake, columns: str = "*") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.read("staged_feature_table", DAY, select=columns).to_pylist()
    return found


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "semicolons"])
def test_a_table_is_the_same_in_whatever_file_it_lies(tmp_path: Path, lake: Lake, form: str) -> None:
    frame = team_table(200, unlabelled=40)
    file = f"table.{form if form != 'semicolons' else 'csv'}"
    if form == "parquet":
        frame.to_parquet(tmp_path / file)
    else:
        frame.to_csv(tmp_path / file, index=False, sep=";" if form == "semicolons" else ",")
    looked, rows = stage_feature_table(lake, open_source(tmp_path), spec(file), as_of=DAY, read_at=DAY)
    assert (looked.rows, rows.rows, sum(looked.labels.values())) == (200, 200, 160)
    assert [c.name for c in looked.table.features] == ["visits", "plan", "Noise, of no use"]
    assert read_columns(lake, DAY) == looked.table
    good = [row for row in staged(lake) if row["_broken"] is None]
    assert [row["customer_id"] for row in good] == list(frame["customer_id"])
    assert [row["visits"] for row in good] == list(frame["visits"])
    assert [row["churned"] for row in good] == [None if pd.isna(label) else label for label in frame["churned"]]


def test_rows_without_an_id_are_called_by_their_line(tmp_path: Path, lake: Lake) -> None:
    team_table(50, unlabelled=10).drop(columns="customer_id").to_csv(tmp_path / "table.csv", index=False)
    looked, _ = stage_feature_table(lake, open_source(tmp_path), spec(id=None), as_of=DAY, read_at=DAY)
    assert looked.table.id == "row_number"
    assert [row["row_number"] for row in staged(lake)][:2] == ["table.csv:2", "table.csv:3"]


def test_bad_rows_stay_with_their_reason_and_blanks_are_no_values(tmp_path: Path, lake: Lake) -> None:
    frame = team_table(400, unlabelled=0).astype(object)
    frame.loc[0, "visits"] = "many"
    frame.loc[1, "visits"] = "n/a"
    frame.loc[2, "plan"] = "  "
    frame.loc[3, "customer_id"] = None
    frame.loc[5, "customer_id"] = "c00004"
    frame.to_csv(tmp_path / "table.csv", index=False)
    with (tmp_path / "table.csv").open("a") as file:
        file.write("one,two\n")
    stage_feature_table(lake, open_source(tmp_path), spec(), as_of=DAY, read_at=DAY)
    rows = staged(lake)
    broken = {row["_line"]: row["_broken"][0] for row in rows if row["_broken"]}
    twice = {line for line, rule in broken.items() if rule == "duplicate_key"}
    assert len(twice) == 1
    assert twice < {6, 7}
    assert {line: rule for line, rule in broken.items() if line not in twice} == {
        2: "wrong_type_visits",
        5: "missing_key",
        402: "unreadable_line",
    }
    assert [row["visits"] for row in rows if row["_line"] == 3] == [None]
    assert [row["plan"] for row in rows if row["_line"] == 4] == [None]


def test_columns_with_names_that_sql_cannot_hold_are_called_otherwise(tmp_path: Path, lake: Lake) -> None:
    frame = team_table(100, unlabelled=10).rename(columns={"visits": 'visits\' "n"', "plan": "_line of plan"})
    frame.to_csv(tmp_path / "table.csv", index=False)
    looked, _ = stage_feature_table(lake, open_source(tmp_path), spec(), as_of=DAY, read_at=DAY)
    assert [c.name for c in looked.table.features][:2] == ["visits_ _n_", "column_line of plan"]
    assert [row["visits_ _n_"] for row in staged(lake)] == list(frame['visits\' "n"'])


def test_the_newest_time_is_that_of_a_row_that_is_there_by_now(tmp_path: Path, lake: Lake) -> None:
    frame = team_table(30, unlabelled=5)
    frame["day"] = [f"{n % 28 + 1:02}/02/2024" for n in range(29)] + ["01/05/2024"]
    frame.to_csv(tmp_path / "table.csv", index=False)
    source, timed = open_source(tmp_path), spec(time="day", time_format="%d/%m/%Y")
    assert newest_time(lake, source, timed, now=DAY) == datetime(2024, 2, 28, tzinfo=UTC)
    assert newest_time(lake, source, spec(), now=DAY) is None
    looked, _ = stage_feature_table(lake, source, timed, as_of=DAY, read_at=DAY)
    assert looked.table.contract.key == ("customer_id", "day")
    rows = staged(lake)
    assert {(row["day"].month, row["day"].day) for row in rows[:2]} == {(2, 1), (2, 2)}
    assert [row["_broken"] for row in rows if row["day"] > DAY] == [["in_the_future"]]


def test_a_table_of_a_database_is_read_like_a_file(shop_url: str, tmp_path: Path) -> None:
    frame = team_table(120, unlabelled=20).rename(columns={"Noise, of no use": "noise"})
    texts = frame.astype(object).where(frame.notna(), None)
    fill(
        shop_url,
        "customers",
        [{str(c): value for c, value in row.items()} for row in texts.to_dict("records")],
        {"visits": "int"},
    )
    mapping = table_mapping(tmp_path, place={}, **{"from": "customers"})
    settings = Settings(source_url=shop_url, data_dir=tmp_path / "data", mapping=mapping)
    lake = Lake.of(settings)
    with opened(settings) as source:
        looked, _ = stage_feature_table(lake, source, feature_table(settings.mapping), as_of=DAY, read_at=DAY)
    assert [c.name for c in looked.table.features] == ["visits", "plan", "noise"]
    rows = staged(lake)
    assert {row["customer_id"]: row["visits"] for row in rows} == dict(
        zip(frame["customer_id"], frame["visits"], strict=True)
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"label": "churn"}, "label: no column churn; did you mean churned?"),
        ({"drop": ["plam"]}, "drop: no column plam; did you mean plan?"),
        ({"positive": "maybe"}, "no row of the feature table has churned = maybe"),
        ({"segment": "version"}, "column version cannot be the segment, it is left out: it is always the same"),
        ({"file": "other.csv"}, "there is no other.csv"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(tmp_path: Path, lake: Lake, other: dict[str, Any], words: str) -> None:
    team_table(60, unlabelled=10).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(SourceError) as raised:
        look_at(
            lake,
            open_source(tmp_path),
            spec(other.get("file", "table.csv"), **{k: v for k, v in other.items() if k != "file"}),
        )
    assert words in str(raised.value)

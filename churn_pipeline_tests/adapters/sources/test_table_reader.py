from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import duckdb
import pytest

from churn_pipeline.adapters.sources import Reading, SourceError, open_source
from churn_pipeline.adapters.sources.table_reader import read_table
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table


def read(folder: Path, mapping: str | None = None, table: Table = TRIALS) -> tuple[Reading, list[dict[str, Any]]]:
    """The reading of a table, and its rows in the order of files and lines."""
    path = folder.parent / "acme.yaml"
    if mapping is not None:
        path.write_text(mapping)
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    reading = read_table(open_source(folder, path if mapping is not None else None), connection, table)
    rows = connection.sql(f"select * from {reading.view} order by _file, _line").to_arrow_table().to_pylist()
    assert reading.due == len(rows), "the reader's own count, of what a mapping filters and selects, too"
    return reading, rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def test_rows_keep_file_line_and_their_text_as_it_was(folder: Path) -> None:
    (folder / "trials.csv").write_text("Trial_ID,trial_days,note\nt1,,hello\n")
    reading, rows = read(folder)
    (row,) = rows
    assert (row["_file"], row["_line"], row["trial_id"], row["trial_days"]) == ("trials.csv", 2, "t1", None)
    assert json.loads(row["_raw"]) == {"Trial_ID": "t1", "trial_days": "", "note": "hello"}
    assert reading.given == ("trial_id", "trial_days")
    assert reading.missing == ("account_id", "started_at")


def test_a_column_that_only_some_files_have_is_null_in_the_others(folder: Path) -> None:
    (folder / "trials-1.csv").write_text("trial_id,plan\nt1,pro\n")
    duckdb.connect().execute(f"copy (select 't2' as trial_id, [1, 2] as sector) to '{folder}/trials-2.parquet'")
    _, rows = read(folder)
    assert [(r["trial_id"], r["plan"], r["sector"], r["_line"]) for r in rows] == [
        ("t1", "pro", None, 2),
        ("t2", None, "[1,2]", 1),
    ]


def test_rename_constant_sql_cast_format_and_filter(folder: Path) -> None:
    (folder / "orgs.csv").write_text("org;begin;seats;kind\no1;31/12/2023;12.0;real\no2;01/01/2024;x;test\n")
    _, rows = read(
        folder,
        """
        tables:
          trials:
            from: orgs.csv
            delimiter: ";"
            columns:
              trial_id: org
              account_id: {sql: "upper(org)"}
              started_at: {column: begin, format: "%d/%m/%Y"}
              trial_days: {constant: 30}
              consent_profiling: {constant: true}
              plan: {constant: null}
              company_size: {column: seats, cast: integer}
            where: kind <> 'test'
        """,
    )
    (row,) = rows
    assert (row["trial_id"], row["account_id"], row["started_at"]) == ("o1", "O1", "2023-12-31 00:00:00")
    assert (row["trial_days"], row["consent_profiling"], row["plan"], row["company_size"]) == ("30", "true", None, "12")


def test_what_a_cast_or_format_cannot_read_stays_as_it_is(folder: Path) -> None:
    (folder / "orgs.csv").write_text("org,begin,seats\no1,soon,x\n")
    columns = '{trial_id: org, started_at: {column: begin, format: "%d"}, company_size: {column: seats, cast: integer}}'
    (row,) = read(folder, f"tables: {{trials: {{from: orgs.csv, columns: {columns}}}}}")[1]
    assert (row["started_at"], row["company_size"]) == ("soon", "x")


def test_several_files_without_header_become_one_table(folder: Path) -> None:
    for number in (1, 2):
        (folder / f"part{number}.txt").write_text(f" o{number}   14\n")
    _, rows = read(
        folder,
        "tables: {trials: {from: [part*.txt], delimiter: whitespace, header: false, names: [trial_id, trial_days]}}",
    )
    assert [(r["trial_id"], r["trial_days"]) for r in rows] == [("o1", "14"), ("o2", "14")]


def test_a_whole_select_over_named_files_keeps_lines_and_counts_unreadable_ones(folder: Path) -> None:
    (folder / "orgs.csv").write_text("org,paid\no1,2024-01-02\no2\no3,\n")
    _, rows = read(
        folder,
        """
        files: {orgs: {from: orgs.csv}, unused: {from: none.csv}}
        tables:
          subscriptions:
            select: select org as subscription_id, org as trial_id, paid::timestamp as started_at, _file, _line from orgs where paid is not null
        """,
        SUBSCRIPTIONS,
    )
    assert [(r["subscription_id"], r["_line"], r["_wrong"]) for r in rows] == [
        ("o1", 2, None),
        (None, 3, "has 1 fields, the header has 2"),
    ]


def test_a_select_that_drops_the_lines_says_where_it_stands(folder: Path) -> None:
    (folder / "orgs.csv").write_text("org\no1\n")
    mapping = "{files: {orgs: {from: orgs.csv}}, tables: {trials: {select: select org as trial_id from orgs}}}"
    (row,) = read(folder, mapping)[1]
    assert (row["_file"], row["_line"]) == ("the SELECT of trials", None)


def test_a_damaged_file_of_a_select_is_a_fact_and_no_crash(folder: Path) -> None:
    (folder / "orgs.csv").write_text("")
    mapping = "{files: {orgs: {from: orgs.csv}}, tables: {trials: {select: select org as trial_id from orgs}}}"
    reading, rows = read(folder, mapping)
    assert rows == []
    assert "empty" in reading.files[0].problem


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("tables: {trials: {from: [orgs.csv, none.csv]}}", r"tables\.trials\.from: no file matches none\.csv"),
        ("tables: {trials: {from: orgs.csv, columns: {plan: tier}}}", r"columns\.plan: orgs\.csv has no column tier"),
        ("tables: {trials: {from: orgs.csv, where: tier > 1}}", r"tables\.trials: the SQL does not run"),
        (
            "{files: {orgs: {from: orgs.csv}}, tables: {trials: {select: select x from orgs}}}",
            r"trials\.select: the SQL",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_the_files_says_where(folder: Path, mapping: str, message: str) -> None:
    (folder / "orgs.csv").write_text("org\no1\n")
    with pytest.raises(SourceError, match=message):
        read(folder, mapping)


def test_of_a_folder_that_is_the_wrong_one_not_every_file_is_listed(folder: Path) -> None:
    for number in range(300):
        (folder / f"f{number:03d}.csv").write_text("")
    with pytest.raises(SourceError, match=r"there is: f000\.csv, .*f009\.csv and 290 more\n"):
        read(folder, "tables: {trials: {from: orgs.csv}}")


def test_a_value_that_stops_a_select_is_not_quoted(folder: Path) -> None:
    (folder / "orgs.csv").write_text("org,size\nacme,secret\n")
    mapping = "{files: {orgs: {from: orgs.csv}}, tables: {trials: {select: 'select org as trial_id, size::int as company_size from orgs'}}}"
    with pytest.raises(
        SourceError, match=r"tables\.trials\.select: a value stops the SQL\n.*do: use try_cast"
    ) as caught:
        read(folder, mapping)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_what_is_beside_the_contract_goes_into_properties(folder: Path) -> None:
    (folder / "log.csv").write_text(
        """event_id,kind,properties,browser,note\ne1,login,"{""a"": 1, ""note"": ""own""}",firefox,theirs\ne2,login,,,\ne3,login,oops,x,\ne4,login,,x,y\n"""
    )
    _, rows = read(folder, "tables: {events: {from: log.csv, columns: {event_name: kind}}}", EVENTS)
    given = [row["properties"] for row in rows]
    assert json.loads(given[0]) == {"a": 1, "note": "own", "browser": "firefox"}
    assert given[1:3] == [None, "oops"]
    assert json.loads(given[3]) == {"browser": "x", "note": "y"}


def test_a_mapping_that_names_properties_has_the_last_word(folder: Path) -> None:
    (folder / "log.csv").write_text("event_id,browser\ne1,firefox\n")
    columns = "{properties: {constant: null}}"
    _, rows = read(folder, f"tables: {{events: {{from: log.csv, columns: {columns}}}}}", EVENTS)
    assert rows[0]["properties"] is None


def test_tables_without_properties_leave_it_out(folder: Path) -> None:
    (folder / "trials.csv").write_text("trial_id,browser\nt1,firefox\n")
    _, rows = read(folder)
    assert "browser" not in rows[0]

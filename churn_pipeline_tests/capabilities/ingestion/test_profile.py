from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from churn_pipeline.capabilities.ingestion.profile import Found, profiles, tables_of_database, tables_of_folder
from churn_pipeline_tests.servers import fill


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def test_files_that_differ_in_digits_alone_are_one_table(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for name in ("log-2024-05.csv", "log-2024-06.csv", "orgs.csv", "readme.md"):
        (tmp_path / name).write_text("id,at\n1,2024-05-01\n")
    found = tables_of_folder(connection, tmp_path)
    assert [(table.called, table.spec.patterns) for table in found] == [
        ("log-*.csv", ("log-*.csv",)),
        ("orgs.csv", ("orgs.csv",)),
    ]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ("a|b|c", "|"), ("a  b  c", "whitespace")],
)
def test_the_delimiter_is_seen_in_the_first_line(
    connection: duckdb.DuckDBPyConnection, header: str, delimiter: str, tmp_path: Path
) -> None:
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(f"{header}\n".encode()))
    (table,) = tables_of_folder(connection, tmp_path)
    assert (table.columns, table.spec.delimiter) == (("a", "b", "c"), delimiter)


def test_a_column_is_told_by_what_its_values_can_be_read_as(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(
        "id,n,at,day,land,maybe\n1,1.5,2024-05-01T08:00:00Z,31/12/2023,DE,\n2,2,2024-05-02,30/12/2023,FR,true\n"
    )
    told = {p.column: p for p in profiles(connection, tables_of_folder(connection, tmp_path))}
    assert (told["id"].differing, told["id"].filled, told["id"].reads_as["integer"]) == (1.0, 1.0, 1.0)
    assert (told["n"].reads_as["integer"], told["n"].reads_as["number"]) == (0.5, 1.0)
    assert (told["at"].reads_as["instant"], told["at"].format) == (1.0, "")
    assert (told["day"].reads_as["instant"], told["day"].format) == (1.0, "%d/%m/%Y")
    assert told["land"].reads_as["country"] == 1.0
    assert (told["maybe"].filled, told["maybe"].reads_as["flag"]) == (0.5, 1.0)


def test_values_are_looked_for_among_the_keys_of_other_tables(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "orgs.csv").write_text("org\na\nb\n")
    (tmp_path / "log.csv").write_text("ref,kind\na,x\na,y\nb,x\nc,y\n")
    told = {p.column: p for p in profiles(connection, tables_of_folder(connection, tmp_path))}
    assert told["ref"].overlap == {"orgs.csv.org": pytest.approx(2 / 3)}


def test_the_tables_of_a_database_are_seen_too(shop_url: str, connection: duckdb.DuckDBPyConnection) -> None:
    fill(shop_url, "orgs_to_guess", [{"org": "a", "begun": "2024-05-01"}])
    with tables_of_database(connection, shop_url) as found:
        tables: list[Found] = [table for table in found if table.called == "orgs_to_guess"]
        assert [profile.column for profile in profiles(connection, tables)] == ["org", "begun"]
    fill(shop_url, "orgs_to_guess", [{"org": "a"}])

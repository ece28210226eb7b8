from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from churn_pipeline.adapters.sources import SourceError, open_source, opened
from churn_pipeline.adapters.sources.database import catalogue
from churn_pipeline.adapters.sources.table_reader import read_table
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.settings import Settings
from churn_pipeline_tests.batches import clean_source, event, subscription, trial
from churn_pipeline_tests.servers import PASSWORD, do, fill


@pytest.fixture
def shop(shop_url: str) -> str:
    """A database in the contract, with the records of `clean_source`."""
    for table in catalogue(shop_url):
        do(shop_url, f"drop table {table}")
    moment = "timestamp(6) null" if "mysql" in shop_url else "timestamptz"
    fill(shop_url, "trials", [trial(n) for n in range(40)], {"trial_days": "int", "company_size": "int"})
    events = {"occurred_at": moment, "received_at": moment, "value": "double precision"}
    rows = [
        event(n) | {m: event(n)[m].replace("T", " ").rstrip("Z") for m in ("occurred_at", "received_at")}
        for n in range(40)
    ]
    fill(shop_url, "events", rows, events)
    fill(shop_url, "subscriptions", [subscription(n) for n in range(0, 40, 4)], {"mrr": "decimal(10, 2)"})
    return shop_url


def read(settings: Settings, table: Table) -> list[tuple[Any, ...]]:
    """The rows of a raw table as read, and where they stood."""
    with opened(settings) as source:
        connection = duckdb.connect()
        reading = read_table(source, connection, table)
        return connection.execute(
            f"select _file, * exclude (_file, _place, _raw, _wrong, _deleted) from {reading.view}"
        ).fetchall()


@pytest.mark.parametrize("table", [TRIALS, SUBSCRIPTIONS])
def test_a_database_in_the_contract_gives_the_rows_of_files_in_the_contract(
    shop: str, table: Table, tmp_path: Path
) -> None:
    files = clean_source(tmp_path / "files").folder
    of_files = {row[2:] for row in read(Settings(source=files, data_dir=tmp_path), table)}
    of_database = read(Settings(source_url=shop, data_dir=tmp_path), table)
    assert {row[2:] for row in of_database} == of_files
    assert {row[0] for row in of_database} == {table.name}


def test_a_mapping_names_tables_and_queries_as_it_names_files(shop: str, tmp_path: Path) -> None:
    mapping = tmp_path / "acme.yaml"
    mapping.write_text(
        """
        files: {starts: {query: "select trial_id, min(started_at) as begun from trials group by trial_id"}, bought: {from: subscriptions}}
        tables:
          trials: {from: trials, columns: {plan: {constant: pro}}, where: "trial_id <> 'x'"}
          events: {query: "select * from events where event_id = 'e1'"}
          subscriptions: {select: "select subscription_id, trial_id, begun as started_at from starts join bought using (trial_id)"}
        """
    )
    settings = Settings(source_url=shop, mapping=mapping, data_dir=tmp_path, business="acme")
    assert {row[6] for row in read(settings, TRIALS)} == {"pro"}
    (one,) = read(settings, EVENTS)
    assert (one[0], one[2]) == ("query", "e1")
    assert len(read(settings, SUBSCRIPTIONS)) == 10


def test_a_table_that_is_not_there_is_named(shop: str, tmp_path: Path) -> None:
    mapping = tmp_path / "acme.yaml"
    mapping.write_text("tables: {trials: {from: trails}}")
    settings = Settings(source_url=shop, mapping=mapping, data_dir=tmp_path, business="acme")
    with pytest.raises(SourceError, match="trails") as refused, opened(settings):
        pass
    assert PASSWORD not in str(refused.value)


def test_a_reading_leaves_nothing_behind_and_clears_what_a_killed_one_left(shop: str, tmp_path: Path) -> None:
    settings = Settings(source_url=shop, data_dir=tmp_path)
    left = settings.home / "copies" / "churn-copy-killed" / "trials"
    left.mkdir(parents=True)
    with opened(settings, writer=True) as source:
        assert source.folder.parent == settings.home / "copies"
        assert not left.exists()
    assert list((settings.home / "copies").iterdir()) == []


def test_only_a_database_answers_a_query(tmp_path: Path) -> None:
    clean_source(tmp_path / "files")
    (tmp_path / "acme.yaml").write_text("tables: {trials: {query: select 1}}")
    source = open_source(tmp_path / "files", tmp_path / "acme.yaml")
    with pytest.raises(SourceError, match=r"tables\.trials\.query: only a database"):
        read_table(source, duckdb.connect(), TRIALS)

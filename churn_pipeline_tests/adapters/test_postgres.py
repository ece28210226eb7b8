from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy
from pydantic import SecretStr

from churn_pipeline.adapters.postgres import DatabaseError, connect, database_url, located, require_business
from churn_pipeline.settings import Settings


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def schemas(url: str) -> dict[object, object]:
    query = (
        "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace "
        "where nspname in ('dagster', 'mlflow', 'optuna', 'analytics')"
    )
    return {row[0]: row[1] for row in ask(url, query)}


def change(url: str, *statements: str) -> None:
    with closing(connect(url)) as connection, connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_an_empty_database_gets_its_schemas_and_the_claim(settings: Settings) -> None:
    url = database_url(settings)
    assert set(schemas(url)) == {"dagster", "mlflow", "optuna", "analytics"}
    assert schemas(url)["analytics"] == "Tables that people read, of business `demo`."
    assert database_url(settings) == url


@pytest.mark.parametrize("schema", ["dagster", "mlflow", "optuna", "analytics"])
def test_unqualified_names_are_those_of_the_schema_for_every_driver(settings: Settings, schema: str) -> None:
    import adbc_driver_postgresql.dbapi

    assert ask(database_url(settings, schema=schema), "select current_schema()") == [(schema,)]
    engine = sqlalchemy.create_engine(database_url(settings, schema=schema, driver="postgresql+psycopg2"))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select current_schema()")).scalar_one() == schema
    engine.dispose()
    with adbc_driver_postgresql.dbapi.connect(database_url(settings, schema=schema)) as adbc, adbc.cursor() as cursor:
        cursor.execute("select current_schema()::text")
        assert cursor.fetchone() == (schema,)


def test_a_schema_that_nobody_keeps_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no schema 'sales' is kept"):
        database_url(settings, schema="sales")


def test_a_database_belongs_to_one_business(settings: Settings) -> None:
    database_url(settings)
    with pytest.raises(
        DatabaseError, match=r"(?s)belongs to business `demo`; this is business `acme`.*CHURN_BUSINESS=demo"
    ):
        database_url(settings.model_copy(update={"business": "acme"}))
    assert database_url(settings)


def test_two_sources_of_one_name_are_not_taken_for_one_business_and_one_that_moved_is_said_to_be_the_same(
    settings: Settings, database: str, tmp_path: Path
) -> None:
    def at(folder: str, **more: Any) -> Settings:
        return Settings(data_dir=tmp_path, postgres_url=database, source=tmp_path / folder / "data", **more)

    url = database_url(at("a"))
    assert schemas(url)["analytics"] == f"Tables that people read, of business `data`. Its source: `{tmp_path}/a/data`."
    with pytest.raises(
        DatabaseError, match=r"(?s)its source at \S*/a/data; \S*/b/data is another.*CHURN_BUSINESS=data"
    ):
        database_url(at("b"))
    assert database_url(Settings(data_dir=tmp_path, postgres_url=database, business="data")) == url, "without a source"
    assert database_url(at("a")) == url
    assert database_url(at("b", business="data")) == url
    assert database_url(at("b")) == url, "once is enough"
    with pytest.raises(DatabaseError, match=r"its source at \S*/b/data"):
        database_url(at("a"))


def test_only_a_business_that_something_was_run_on_is_there_and_asking_makes_none(
    settings: Settings, database: str, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseError, match=r"(?s)nothing has been run on business `demo`\n  allowed: none yet"):
        require_business(settings)
    assert schemas(database) == {}
    database_url(settings)
    require_business(settings)
    with pytest.raises(DatabaseError, match=r"business `demos`; did you mean demo\?\n  allowed: demo\n"):
        require_business(settings.model_copy(update={"business": "demos"}))
    with pytest.raises(DatabaseError, match="none yet"):
        require_business(Settings(data_dir=tmp_path / "fresh"))
    assert not (tmp_path / "fresh").exists()


def test_a_schema_with_tables_of_others_is_not_taken(settings: Settings, database: str) -> None:
    change(database, "create schema analytics", "create table analytics.revenue (n int)")
    with pytest.raises(DatabaseError, match=r"tables that are not ours \(revenue\)"):
        database_url(settings)
    assert set(schemas(database)) == {"analytics"}


def test_schemas_that_were_made_beforehand_are_used(settings: Settings, database: str) -> None:
    change(database, "create schema analytics", "comment on schema analytics is 'for churn'", "create schema dagster")
    assert set(schemas(database_url(settings))) == {"dagster", "mlflow", "optuna", "analytics"}


def test_a_server_that_does_not_answer_is_an_error_without_the_password(tmp_path: Path) -> None:
    gone = Settings(data_dir=tmp_path, postgres_url=SecretStr("postgresql://me:hidden@127.0.0.1:1/shop"))
    with pytest.raises(DatabaseError, match=r"(?s)database shop cannot be entered.*CHURN_POSTGRES_URL") as caught:
        database_url(gone)
    assert "hidden" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_with_a_url_nothing_embedded_is_started(settings: Settings) -> None:
    database_url(settings)
    assert not (settings.data_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("given", "schema", "driver", "wanted"),
    [
        ("postgresql:///shop", "optuna", None, "postgresql:///shop?options=-csearch_path%3Doptuna"),
        ("postgresql+psycopg2://h/shop", None, None, "postgresql://h/shop"),
        (
            "postgresql://h/shop?options=-cjit%3Doff%20-csearch_path%3Dold",
            "mlflow",
            None,
            "postgresql://h/shop?options=-cjit%3Doff%20-csearch_path%3Dmlflow",
        ),
        (
            "postgresql://u:p%40ss@/d?host=%2Ftmp%2Fx",
            None,
            "postgresql+psycopg2",
            "postgresql+psycopg2://u:p%40ss@/d?host=%2Ftmp%2Fx",
        ),
    ],
)
def test_a_url_is_located(given: str, schema: str | None, driver: str | None, wanted: str) -> None:
    assert located(given, schema=schema, driver=driver) == wanted


ASK = """
import sys
from pathlib import Path
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.settings import Settings
print(database_url(Settings(data_dir=Path(sys.argv[1]), business=sys.argv[2])))
"""


@pytest.mark.slow
def test_on_the_embedded_server_every_business_has_a_database_however_many_ask_at_once(short_data_dir: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(short_data_dir), business],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for business in ("acme", "acme", "beta")
    ]
    urls = [process.communicate(timeout=120)[0].strip() for process in asking]
    assert [process.returncode for process in asking] == [0, 0, 0]
    assert [urlsplit(url).path for url in urls] == ["/churn_acme", "/churn_acme", "/churn_beta"]
    assert schemas(urls[2])["analytics"] == "Tables that people read, of business `beta`."

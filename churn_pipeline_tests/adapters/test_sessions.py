from __future__ import annotations

from collections.abc import Iterator

import adbc_driver_manager
import pytest

from churn_pipeline.adapters.sessions import MOST_IDLE, close_idle, session
from churn_pipeline_tests.copies import execute


@pytest.fixture(autouse=True)
def nobody_waits() -> Iterator[None]:
    close_idle()
    yield
    close_idle()


def asked(url: str, query: str = "select pg_backend_pid()") -> int:
    """The one number that the server answers with."""
    with session(url) as (_, cursor):
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def test_a_connection_is_used_again(database: str) -> None:
    assert asked(database) == asked(database)


def test_nobody_shares_a_connection(database: str) -> None:
    with session(database) as (_, cursor):
        cursor.execute("select pg_backend_pid()")
        assert cursor.fetchone()[0] != asked(database)


def test_what_is_not_committed_is_gone_and_what_is_committed_is_not(database: str) -> None:
    execute(database, "create table kept (n int)")
    with session(database) as (connection, cursor):
        cursor.execute("insert into kept values (1)")
        connection.commit()
    with session(database) as (_, cursor):
        cursor.execute("insert into kept values (2)")
    assert asked(database, "select sum(n) from kept") == 1
    assert (
        asked(
            database,
            "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()",
        )
        == 0
    )


def test_a_connection_that_the_server_closed_is_replaced(database: str, postgres: str) -> None:
    pid = asked(database)
    execute(postgres, f"select pg_terminate_backend({pid})")
    assert asked(database) != pid


def test_a_connection_on_which_something_failed_is_not_used_again(database: str) -> None:
    pid = asked(database)
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        asked(database, "select nothing from nowhere")
    assert asked(database) != pid


def test_not_many_wait(database: str) -> None:
    held = [session(database) for _ in range(MOST_IDLE + 2)]
    for one in held:
        one.__enter__()
    for one in held:
        one.__exit__(None, None, None)
    assert asked(database, "select count(*) from pg_stat_activity where datname = current_database()") == MOST_IDLE

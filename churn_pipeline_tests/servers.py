"""Database servers of other makes, real ones, for tests of sources."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.sources.database import DRIVERS

PASSWORD = "s3cret/word"


@contextmanager
def mariadb_server() -> Iterator[str]:
    """Address of an empty database `shop` on a MariaDB of its own; skips, loudly, where none is installed."""
    daemon = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if daemon is None:
        pytest.skip("no mariadbd here (apt-get install mariadb-server): MariaDB as a source is not tested")
    folder = Path(tempfile.mkdtemp(prefix="maria-", dir="/tmp"))
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "mysql")
    make = ["mariadb-install-db", "--no-defaults", *user, f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run([*make, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bound = [f"--datadir={folder}/data", f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([daemon, "--no-defaults", *user, *bound, "--skip-name-resolve"], stderr=log)
    try:
        _set_up(folder)
        yield f"mysql://reader:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{port}/shop"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _set_up(folder: Path) -> None:
    import pymysql

    until = time.monotonic() + 120
    while "ready for connections" not in (folder / "log").read_text():
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.1)
    with pymysql.connect(unix_socket=f"{folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("create database shop character set utf8mb4")
        cursor.execute("create user 'reader'@'%%' identified by %s", [PASSWORD])
        cursor.execute("grant all on *.* to 'reader'@'%'")


def do(url: str, *statements: str, rows: Sequence[dict[str, Any]] = ()) -> list[Any]:
    """Run statements in one transaction each, the last with rows if there are any; what the last one answers."""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    scheme, _, rest = url.partition("://")
    engine = sa.create_engine(f"{DRIVERS[scheme]}://{rest}", poolclass=NullPool)
    answer: list[Any] = []
    for place, statement in enumerate(statements, start=1):
        with engine.begin() as connection:
            if rows and place == len(statements):
                connection.execute(sa.text(statement), list(rows))
            else:
                found = connection.exec_driver_sql(statement)
                answer = list(found.fetchall()) if found.returns_rows else []
    engine.dispose()
    return answer


def fill(url: str, table: str, rows: Sequence[dict[str, Any]], types: dict[str, str] | None = None) -> None:
    """Make a table anew, of texts but for the columns in `types`, with these rows; an empty value is null."""
    columns = list(rows[0])
    listed = ", ".join(f"{c} {(types or {}).get(c, 'varchar(250)')}" for c in columns)
    given = [{c: None if row[c] == "" else row[c] for c in columns} for row in rows]
    do(url, f"drop table if exists {table}", f"create table {table} ({listed})")
    do(url, f"insert into {table} values ({', '.join(':' + c for c in columns)})", rows=given)

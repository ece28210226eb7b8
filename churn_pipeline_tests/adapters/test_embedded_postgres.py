from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from churn_pipeline.adapters.embedded_postgres import (
    Server,
    running_server,
    stop_server,
)
from churn_pipeline.adapters.postgres_place import Place
from churn_pipeline.adapters.postgres_programs import EmbeddedPostgresError, binaries

# servers are started and killed
pytestmark = pytest.mark.flow

ASK = """
import sys
from pathlib import Path
from churn_pipeline.adapters.embedded_postgres import running_server
print(running_server(Path(sys.argv[1])).url())
"""
ASK_AS_NOBODY = """
import os, psutil, sys
from pathlib import Path
from churn_pipeline.adapters.embedded_postgres import running_server
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(running_server(Path(sys.argv[1])).url())
"""


def closed_to_nobody() -> bool:
    """Whether this test cannot become another account, or that account could not reach the server's programs."""
    reach = ["test", "-x", str(binaries() / "postgres")]
    return os.geteuid() != 0 or subprocess.run(reach, user=65534, cwd="/", check=False).returncode != 0


as_root = pytest.mark.skipif(
    closed_to_nobody(), reason="only root can become another account that reaches the programs"
)


def one(server: Server, query: str) -> object:
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        assert row is not None
        return row[0]


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def postmasters(data_dir: Path) -> list[int]:
    cluster = str((data_dir / "postgres").resolve())
    return [
        process.pid
        for process in psutil.process_iter(["name", "cwd", "cmdline"])
        if process.info["name"] == "postgres" and process.info["cwd"] == cluster and "-D" in process.info["cmdline"]
    ]


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    while psutil.pid_exists(pid) and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The data directory of the server that most tests share: whatever they do to it, the next call brings it back."""
    with tempfile.TemporaryDirectory(prefix="churn-", dir="/tmp") as folder:
        yield Path(folder)
        stop_server(Path(folder))


@pytest.fixture
def server(home: Path) -> Server:
    return running_server(home)


def test_the_server_is_set_up_as_promised(server: Server) -> None:
    assert str(one(server, "show server_version")).startswith("18.")
    assert one(server, "show timezone") == "UTC"
    assert one(server, "show fsync") == "on"
    assert one(server, "show max_connections") == "200"
    assert one(server, "show listen_addresses") == ""
    assert one(server, "show password_encryption") == "scram-sha-256"
    assert one(server, "select 'ä' < 'z'") is False


def test_nobody_gets_in_without_the_password(server: Server) -> None:
    assert one(server, "select count(*) from pg_hba_file_rules") == 1
    assert one(server, "select auth_method from pg_hba_file_rules") == "scram-sha-256"
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(Server(server.socket_folder, password).url())
    for role in ("postgres", "root"):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(server.url().replace("//churn:", f"//{role}:"))


def test_other_accounts_reach_neither_socket_nor_password(server: Server, home: Path) -> None:
    cluster = home / "postgres"
    for closed in (
        server.socket_folder,
        cluster,
        *server.socket_folder.glob(".s.PGSQL.*"),
        home / "postgres.password",
    ):
        assert closed.lstat().st_mode & 0o077 == 0, closed
    assert server.password not in repr(server)


def test_the_server_does_not_run_as_root_and_belongs_to_the_owner_of_the_cluster(server: Server, home: Path) -> None:
    owner = (home / "postgres").stat().st_uid
    assert owner != 0
    assert psutil.Process(postmaster(home)).uids().effective == owner
    assert server.socket_folder.stat().st_uid == owner


def test_asking_again_gives_the_same_server(server: Server, home: Path) -> None:
    pid = postmaster(home)
    assert running_server(home) == server
    assert postmaster(home) == pid


@pytest.mark.slow
def test_processes_that_ask_at_once_get_one_server(short_data_dir: Path) -> None:
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK, str(short_data_dir)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert len({process.communicate(timeout=120)[0] for process in asking}) == 1
    assert [process.returncode for process in asking] == [0, 0, 0]
    assert postmasters(short_data_dir) == [postmaster(short_data_dir)]


def test_after_kill_of_the_server_the_next_call_brings_it_back_with_its_data(server: Server, home: Path) -> None:
    with closing(psycopg2.connect(server.url())) as connection, connection, connection.cursor() as cursor:
        cursor.execute("create table kept as select 7 as n")
    kill(postmaster(home))
    again = running_server(home)
    assert again == server
    assert one(again, "select n from kept") == 7
    assert len(postmasters(home)) == 1


@pytest.mark.slow
def test_workers_of_a_killed_server_are_ended_before_a_new_one_starts(server: Server, home: Path) -> None:
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        ((worker,),) = cursor.fetchall()
        with subprocess.Popen([sys.executable, "-c", BUSY, server.url()], stdout=subprocess.PIPE) as busy:
            assert busy.stdout is not None
            busy.stdout.readline()
            kill(postmaster(home))
            assert one(running_server(home), "select 1") == 1
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE
    assert len(postmasters(home)) == 1


BUSY = """
import sys, psycopg2
connection = psycopg2.connect(sys.argv[1])
print("busy", flush=True)
try:
    connection.cursor().execute("select count(*) from generate_series(1, 1000000000000)")
except psycopg2.Error:
    pass
"""


def test_a_number_that_another_process_has_by_now_is_not_taken_for_the_server(server: Server, home: Path) -> None:
    stop_server(home)
    cluster = home / "postgres"
    left = [str(os.getpid()), str(cluster), "1700000000", "5432", str(server.socket_folder), "", "1 1", "ready"]
    (cluster / "postmaster.pid").write_text("\n".join(left) + "\n")
    (server.socket_folder / ".s.PGSQL.5432.lock").write_text("\n".join(left) + "\n")
    assert one(running_server(home), "select 1") == 1


@pytest.mark.slow
def test_a_creation_that_was_killed_is_begun_again(short_data_dir: Path) -> None:
    (short_data_dir / "postgres.new" / "cluster").mkdir(parents=True)
    (short_data_dir / "postgres.new" / "cluster" / "PG_VERSION").write_text("18")
    (short_data_dir / "postgres.password").write_text("of the one that was killed")
    assert one(running_server(short_data_dir), "select 1") == 1
    assert not (short_data_dir / "postgres.new").exists()


@pytest.mark.slow
def test_a_starter_that_is_killed_leaves_no_two_servers(short_data_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ASK, str(short_data_dir)], stdout=subprocess.PIPE) as starter:
        while not (short_data_dir / "postgres" / "postmaster.pid").exists():
            assert starter.poll() is None
        starter.kill()
    assert one(running_server(short_data_dir), "select 1") == 1
    assert len(postmasters(short_data_dir)) == 1


@pytest.mark.slow
def test_a_path_too_long_for_a_socket_gets_a_short_private_folder_that_stays(short_data_dir: Path) -> None:
    deep = short_data_dir / ("d" * 60) / ("e e'" * 12)
    try:
        server = running_server(deep)
        assert one(server, "select 1") == 1
        assert server.socket_folder != deep / "postgres"
        assert server.socket_folder.stat().st_mode & 0o077 == 0
        kill(postmaster(deep))
        assert running_server(deep) == server
        (server.socket_folder / ".s.PGSQL.5432").unlink()  # somebody cleaned up /tmp
        assert one(running_server(deep), "select 1") == 1
        server.socket_folder.chmod(0o777)  # somebody opened it: another folder is taken
        stop_server(deep)
        moved = running_server(deep)
        assert moved.socket_folder != server.socket_folder
        assert one(moved, "select 1") == 1
    finally:
        stop_server(deep)
    for folder in (server.socket_folder, moved.socket_folder):
        shutil.rmtree(folder)


def test_stopping_says_whether_anything_ran(server: Server, home: Path, tmp_path: Path) -> None:
    assert [stop_server(home), stop_server(home), stop_server(tmp_path)] == [True, False, False]
    assert not postmasters(home)
    assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_goes_on_running_is_said_to(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_pipeline.adapters.embedded_postgres.LAST_WORKERS_SECONDS", 0.1)
    monkeypatch.setattr("churn_pipeline.adapters.embedded_postgres._pg_ctl", lambda *_: "pg_ctl says no")
    with pytest.raises(EmbeddedPostgresError, match=rf"goes on running \(.*{postmaster(home)}.*pg_ctl says no"):
        stop_server(home)


def test_a_server_of_another_machine_is_neither_taken_over_nor_said_to_be_stopped(server: Server, home: Path) -> None:
    note = Place(home).host_note
    here = note.read_text()
    for pid in postmasters(home):
        kill(pid)
    while postmasters(home):
        time.sleep(0.01)
    left = postmaster(home)
    try:
        note.write_text("another-host pid:[1]\n")
        for ask in (running_server, stop_server):
            with pytest.raises(EmbeddedPostgresError, match=r"was started on another-host pid:\[1\](.|\n)*churn stop"):
                ask(home)
        assert postmaster(home) == left
    finally:
        note.write_text(here)
    assert one(running_server(home), "select 1") == 1


def test_a_lost_password_is_an_error_that_says_what_to_do(server: Server, home: Path) -> None:
    (home / "postgres.password").rename(home / "elsewhere")
    with pytest.raises(EmbeddedPostgresError, match=r"restore that file, or move .* away"):
        running_server(home)
    (home / "elsewhere").rename(home / "postgres.password")


def test_a_server_that_cannot_start_says_why(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_server(home)
    configuration = home / "postgres" / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text(good + "max_connections = many\n")
    monkeypatch.setattr("churn_pipeline.adapters.embedded_postgres.PATIENCE_SECONDS", 1)
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)invalid value for parameter \"max_connections\".*do:"):
        running_server(home)
    configuration.write_text(good)


@as_root
def test_another_account_is_told_whose_server_it_is(server: Server, home: Path) -> None:
    home.chmod(0o755)
    refused = subprocess.run(
        [sys.executable, "-c", ASK_AS_NOBODY, str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "belongs to another account" in refused.stderr
    assert "CHURN_DATA_DIR" in refused.stderr


@pytest.mark.slow
@as_root
def test_an_unprivileged_account_has_a_server_of_its_own_which_root_may_use(short_data_dir: Path) -> None:
    os.chown(short_data_dir, 65534, 65534)
    subprocess.run(
        [sys.executable, "-c", ASK_AS_NOBODY, str(short_data_dir)],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert psutil.Process(postmaster(short_data_dir)).uids().effective == 65534
    stop_server(short_data_dir)
    assert one(running_server(short_data_dir), "select 1") == 1
    assert psutil.Process(postmaster(short_data_dir)).uids().effective == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="below a closed folder only root has to lower its rights")
def test_root_works_below_a_closed_folder_and_opens_no_folder_for_it(server: Server, home: Path) -> None:
    home.chmod(0o700)
    stop_server(home)
    running_server(home)
    assert one(server, "select 1") == 1
    home.chmod(0o755)
    stop_server(home)
    running_server(home)
    kept = Path(f"/proc/{postmaster(home)}/status").read_text()
    assert "CapEff:\t0000000000000000" in kept


def test_the_place_names_its_files(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert {path.name for path in (place.cluster, place.password, place.lock, place.host_note, place.socket_note)} == {
        "postgres",
        "postgres.password",
        "postgres.lock",
        "postgres.host",
        "postgres.socket",
    }

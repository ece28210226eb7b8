"""A PostgreSQL server of our own, from a wheel, for machines that have none.

The first process that asks creates and starts it; whoever comes later finds it, also after `kill -9`. It listens on a
unix socket in a folder that only its account may enter, and lets nobody in without the password (scram-sha-256).
It goes on running when the command that started it ends; `stop_server` ends it.

Of the wheel only the binaries are used: its own start code lets everybody in without a password.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from churn_pipeline.adapters.postgres_place import Place
from churn_pipeline.adapters.postgres_programs import EmbeddedPostgresError, run, system_account

ROLE = "churn"
PORT = 5432
LONGEST_SOCKET_PATH = 103
"""Bytes, on the strictest system (macOS); Linux allows 107."""
PATIENCE_SECONDS = 90
"""Crash recovery of a big write-ahead log takes a while."""
LAST_WORKERS_SECONDS = 5
CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0600",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # a log must hold no data of the tables: neither refused statements nor the rows they carried
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the folder of its socket, and the password of role `churn`."""

    socket_folder: Path
    password: str = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, with the password in it."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://{ROLE}:{self.password}@/{database}?host={host}&port={PORT}"


def running_server(data_dir: Path) -> Server:
    """The server of a data directory; created and started if it is not there.

    One server however many processes ask at once; after a crash of the server, or of a process that was starting it,
    the next call brings it back. A call that finds it running takes less than a millisecond.

    Raises:
        EmbeddedPostgresError: it cannot be created, started or entered.
    """
    place = Place(data_dir.resolve())
    folder = _answering(place)
    if folder is None:
        place.data_dir.mkdir(parents=True, exist_ok=True)
        with _locked(place):
            if not place.cluster.exists():
                _create(place)
            folder = _answering(place) or _start(place)
    return Server(folder, _password(place))


def answers(data_dir: Path) -> bool:
    """Whether the server of a data directory runs and is ready; starts nothing."""
    return _answering(Place(data_dir.resolve())) is not None


def stop_server(data_dir: Path) -> bool:
    """Stop the server of a data directory (open transactions are rolled back); gives whether one was running.

    Raises:
        EmbeddedPostgresError: it goes on running, or was started elsewhere, where we cannot see whether it runs.
    """
    place = Place(data_dir.resolve())
    if not place.cluster.exists():
        return False
    with _locked(place):
        living = _processes(place)
        if not living:
            _require_ours(place)
            return False
        noted = _postmaster_file(place)
        said = ""
        if noted and int(noted[0]) in living:
            said = _pg_ctl(place, "stop", "-m", "fast", "-w", "-t", str(PATIENCE_SECONDS))
        else:
            _end(living)
        deadline = time.monotonic() + LAST_WORKERS_SECONDS
        while (living := _processes(place)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if living:
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL in {place.cluster} goes on running (processes {', '.join(map(str, living))}): {said}\n"
                "  do: end what uses it, then churn stop again; remove nothing of it before"
            )
    return True


# ---- is it there?


def _answering(place: Place) -> Path | None:
    """The folder of the socket on which the server is ready to answer, or None."""
    noted = _postmaster_file(place)
    if len(noted) < 8 or noted[7].strip() != "ready":
        return None
    folder = Path(noted[4])
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(10)
        try:
            knock.connect(str(folder / f".s.PGSQL.{PORT}"))
        except OSError:
            return None
    return folder


def _postmaster_file(place: Place) -> list[str]:
    """Lines of postmaster.pid: pid, cluster, start, port, socket folder, address, shared memory, status; [] if none."""
    try:
        return (place.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    except PermissionError:
        raise _belongs_to_another(place.cluster) from None


def _processes(place: Place) -> dict[int, str]:
    """Living processes of this cluster, pid -> state; every process of PostgreSQL works inside its cluster's folder."""
    import psutil

    return {
        process.pid: process.info["status"]
        for process in psutil.process_iter(["name", "cwd", "status"])
        if process.info["name"] == "postgres"
        and process.info["cwd"] == str(place.cluster)
        and process.info["status"] != psutil.STATUS_ZOMBIE
    }


def _password(place: Place) -> str:
    try:
        return place.password.read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(
            f"{place.cluster} is there, but the file with its password is not ({place.password}).\n"
            f"  do: restore that file, or move {place.cluster} away to begin with an empty server"
        ) from None
    except PermissionError:
        raise _belongs_to_another(place.password) from None


def _belongs_to_another(path: Path) -> EmbeddedPostgresError:
    owner, here = path.parent.stat().st_uid, os.geteuid()
    return EmbeddedPostgresError(
        f"{path} belongs to another account (its folder to uid {owner}, we are uid {here}).\n"
        "  do: run as the account that created it, or name another folder in CHURN_DATA_DIR"
    )


# ---- create


def _create(place: Place) -> None:
    """Make the cluster beside its place and rename it: a killed creation leaves nothing that looks like a cluster."""
    beside = place.beside
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    try:
        if os.geteuid() == 0:
            account = system_account()
            os.chown(beside, account.pw_uid, account.pw_gid)
        secret = secrets.token_urlsafe(32)
        given = _private_file(beside / "password", secret)
        os.chown(given, beside.stat().st_uid, beside.stat().st_gid)
        made = beside / "cluster"
        configured = [part for name, value in CONFIGURATION.items() for part in ("-c", f"{name}={value}")]
        run(
            beside,
            "initdb",
            *("-D", str(made), "-U", ROLE, "--pwfile", str(given), "--auth", "scram-sha-256", "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", *configured),
        )
        (made / "pg_hba.conf").write_text(
            "# nobody but by the password, and only over the socket\nlocal all all scram-sha-256\n"
        )
        place.password.unlink(missing_ok=True)
        _private_file(place.password, secret)
        made.rename(place.cluster)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _private_file(path: Path, text: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path


# ---- start


def _start(place: Place) -> Path:
    """Start the server, or wait for one that is starting, until it answers."""
    said = ""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        folder = _answering(place)
        if folder is not None:
            return folder
        noted, living = _postmaster_file(place), _processes(place)
        if noted and int(noted[0]) in living:
            _restart_if_unreachable(place, noted)
        elif living:
            _end(living)
        else:
            _forget_the_dead(place)
            place.host_note.unlink(missing_ok=True)  # root's, perhaps
            place.host_note.write_text(f"{_here()}\n")
            said = _pg_ctl(
                place,
                "start",
                "-w",
                "-t",
                str(PATIENCE_SECONDS),
                "-l",
                str(place.cluster / "server.log"),
                "-o",
                _socket_option(place),
            )
        time.sleep(0.05)
    raise EmbeddedPostgresError(
        f"the embedded PostgreSQL in {place.cluster} does not start: {said}\n{_end_of_log(place)}\n"
        "  do: free what it lacks (disk, memory), or set CHURN_POSTGRES_URL to a server you have"
    )


def _restart_if_unreachable(place: Place, noted: list[str]) -> None:
    """A server that is ready without a socket (somebody cleaned its folder) is stopped, to be started again."""
    ready = len(noted) >= 8 and noted[7].strip() == "ready"
    if ready and not (Path(noted[4]) / f".s.PGSQL.{PORT}").exists():
        _pg_ctl(place, "stop", "-m", "fast", "-w")


def _end(orphans: dict[int, str]) -> None:
    """Ask the workers that a killed server left behind to go; a new server must not start beside them."""
    import psutil

    for pid in orphans:
        try:
            psutil.Process(pid).terminate()
        except psutil.NoSuchProcess:
            continue


def _forget_the_dead(place: Place) -> None:
    """Remove what a dead server left, whose number another process may have by now; no process of the cluster lives."""
    _require_ours(place)
    for left in (place.cluster / "postmaster.pid", _socket_folder(place) / f".s.PGSQL.{PORT}.lock"):
        left.unlink(missing_ok=True)


def _require_ours(place: Place) -> None:
    """Return if a server that left its mark is one whose processes we would see.

    Raises:
        EmbeddedPostgresError: it was started on another machine or in another container, and may be alive there.
    """
    if not _postmaster_file(place) or not place.host_note.exists():
        return
    noted = place.host_note.read_text().strip()
    if noted != _here():
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL in {place.cluster} was started on {noted}, we are on {_here()}: it may be running there.\n"
            f"  do: `churn stop` there; if that machine or container is gone, remove {place.cluster / 'postmaster.pid'}; "
            "to share data between machines, set CHURN_POSTGRES_URL"
        )


def _here() -> str:
    """This machine and, where the system has them, the PID namespace: beyond it we see no processes."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


def _socket_option(place: Place) -> str:
    return f"-k {shlex.quote(str(_socket_folder(place)))}"


def _socket_folder(place: Place) -> Path:
    """A folder of which only the server's account knows the inside: the cluster, or a short one where that is too long."""
    if len(os.fsencode(place.cluster / f".s.PGSQL.{PORT}.lock")) <= LONGEST_SOCKET_PATH:
        return place.cluster
    owner = place.cluster.stat()
    if place.socket_note.exists():
        noted = Path(place.socket_note.read_text().strip())
        if _is_private(noted, owner.st_uid):
            return noted
    folder = Path(tempfile.mkdtemp(prefix="churn-", dir="/tmp"))
    os.chown(folder, owner.st_uid, owner.st_gid)
    place.socket_note.unlink(missing_ok=True)  # root's, perhaps
    place.socket_note.write_text(f"{folder}\n")
    return folder


def _is_private(folder: Path, uid: int) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077


def _end_of_log(place: Place) -> str:
    try:
        lines = (place.cluster / "server.log").read_text().splitlines()[-10:]
    except FileNotFoundError:
        return ""
    return "\n".join(f"  log: {line}" for line in lines)


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """Hold the lock file; the system frees it when the holder dies."""
    try:
        handle = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise _belongs_to_another(place.lock) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _pg_ctl(place: Place, *arguments: str) -> str:
    try:
        return run(place.cluster, "pg_ctl", "-D", str(place.cluster), *arguments)
    except EmbeddedPostgresError as error:
        return str(error)

"""The user interfaces, with one command."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from churn_pipeline.adapters.locks import Busy
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.settings import PROJECT, Settings

GRACE_SECONDS = 15
SETTLE_SECONDS = 3
"""Dagster's daemon says much as it starts, and answers on no port; the addresses are to stand below that."""
DEV_LOCK = "dev.lock"
"""File in a business's folder that `churn dev` and its children hold locked as long as one of them lives."""
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""MLflow's own job queue is not used; it would be eight more processes."""


class PortsTaken(Exception):  # noqa: N818 - a state of the machine, not a fault of the program
    """Somebody else listens where we would; says on which ports, and what to do."""


def serve(settings: Settings, *, port: int) -> None:
    """Start Dagster's UI and daemon, MLflow's UI and the reports, and wait; whoever ends first ends all.

    Raises:
        Busy: `churn dev` serves this business already; nothing has been started.
        PortsTaken: another program listens on a port that is needed; nothing has been started.
    """
    require_free({"Dagster's UI": port, "MLflow's UI": port + 1, "the reports": port + 2})
    for ending in (signal.SIGTERM, signal.SIGINT):  # the latter is ignored in what a shell started in the background
        signal.signal(ending, _interrupt)
    with only_dev(settings.home) as held:
        _serve(settings, port=port, held=held)


@contextmanager
def only_dev(home: Path) -> Iterator[int]:
    """Hold the lock of whoever serves the business of a folder; gives its handle, for the children to hold as well.

    The system frees it with the last of them, so what a killed `churn dev` left running is seen, too.

    Raises:
        Busy: somebody serves it; says who.
    """
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / DEV_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"`churn dev` serves business `{home.name}` (process {os.read(handle, 100).decode().strip()}).\n"
                "  do: end it by Ctrl-C, or end that process and its children"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield handle
    finally:
        os.close(handle)


def _serve(settings: Settings, *, port: int, held: int) -> None:
    os.environ.setdefault("CHURN_MLFLOW_ADDRESS", f"http://localhost:{port + 1}")
    os.environ.setdefault("CHURN_REPORTS_ADDRESS", f"http://localhost:{port + 2}")
    warehouse = Warehouse.of(settings)
    warehouse.create()
    _bury_the_dead(warehouse)
    models = ModelStore.of(settings)
    models.prepare()
    reports = settings.home / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    commands = {
        "Dagster's UI": _tool("dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)),
        "Dagster's daemon": _tool("dagster-daemon", "run", "-w", "workspace.yaml"),
        "MLflow's UI": _tool(
            "mlflow", "server", "--artifacts-destination", models.folder.resolve().as_uri(),
            "--host", "127.0.0.1", "--port", str(port + 1), "--workers", "1",
        ),
        "the reports": [sys.executable, "-m", "http.server", str(port + 2), "--bind", "127.0.0.1", "-d", str(reports)],
    }  # fmt: skip
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        # the URL of the models holds a password, which anybody could read on a command line
        environment = {**WITHOUT_JOBS, "MLFLOW_BACKEND_STORE_URI": models.url}
        sys.stderr.write(f"starting {', '.join(commands)}; Ctrl-C ends all of them\n")
        for name, command in commands.items():
            children[name] = _start(command, environment, held=held)
        if _all_answer((port, port + 1, port + 2), children):
            time.sleep(SETTLE_SECONDS)
            sys.stderr.write(addresses(port, model=models.name))
        _wait(children)
    except KeyboardInterrupt:
        sys.stderr.write("ending ...\n")
    finally:
        _end(children)


def addresses(port: int, *, model: str) -> str:
    """Where everything is, and the two pages to open first; framed, to be found among what the children say."""
    dagster, mlflow, reports = (f"http://localhost:{port + more}" for more in range(3))
    rule = "=" * 64
    return (
        f"\n{rule}\nDagster  {dagster}\nMLflow   {mlflow}\nreports  {reports}\n\n"
        f"Open first\n  the graph of all tables  {dagster}/asset-groups\n  the models               {mlflow}/#/models/{model}\n"
        f"{rule}\nCtrl-C ends all of them.\n\n"
    )


def require_free(ports: Mapping[str, int]) -> None:
    """Return if nobody listens on any of the ports.

    Raises:
        PortsTaken: somebody does; all of them at once.
    """
    taken = [f"{port} (wanted for {name})" for name, port in ports.items() if _listens(port)]
    if taken:
        raise PortsTaken(
            f"another program listens on port {', '.join(taken)} of this machine.\n"
            "  do: end it (another `make dev`?), or choose other ports: churn dev --port 4000"
        )


def _listens(port: int) -> bool:
    with closing(socket.socket()) as knock:
        knock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            knock.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def _bury_the_dead(warehouse: Warehouse) -> None:
    """A run that was killed, with the machine perhaps, must not keep the place of the only writer in the queue."""
    from dagster import DagsterInstance

    from churn_pipeline.orchestration.writers import only_writer

    with suppress(Busy), DagsterInstance.get() as instance, only_writer(warehouse, instance, run_id=None):
        pass


def _tool(name: str, *arguments: str) -> list[str]:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed beside {sys.executable}.\n  do: make setup")
    return [found, *arguments]


def _start(command: list[str], environment: Mapping[str, str], *, held: int) -> subprocess.Popen[bytes]:
    # a session of its own, so that whatever a child starts ends with it
    return subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, **environment}, start_new_session=True, pass_fds=(held,)
    )


def _all_answer(ports: Sequence[int], children: Mapping[str, subprocess.Popen[bytes]]) -> bool:
    """Wait until there is an answer on every port; False as soon as one of the children has ended."""
    silent = list(ports)
    while silent and all(child.poll() is None for child in children.values()):
        time.sleep(0.2)
        silent = [port for port in silent if not _answers(port)]
    return not silent


def _answers(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except (OSError, HTTPException):
            return False


def _wait(children: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                sys.stderr.write(f"{name} ended with status {child.returncode}; ending the others\n")
                return
        time.sleep(0.5)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _end(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    for child in children.values():
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(0.1, until - time.monotonic()))
        # whoever of the child's own children is left; usually nobody
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

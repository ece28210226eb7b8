"""The user interfaces, with one command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.settings import PROJECT, Settings

GRACE_SECONDS = 15


def serve(settings: Settings, *, port: int) -> None:
    """Start Dagster's UI and daemon, MLflow's UI and the reports, and wait; whoever ends first ends all."""
    Warehouse.of(settings).create()
    models = ModelStore.of(settings)
    models.prepare()
    reports = settings.home / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    commands = {
        "Dagster's UI": _tool("dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)),
        "Dagster's daemon": _tool("dagster-daemon", "run", "-w", "workspace.yaml"),
        "MLflow's UI": _tool(
            "mlflow", "server", "--backend-store-uri", models.url, "--artifacts-destination", models.folder.as_uri(),
            "--host", "127.0.0.1", "--port", str(port + 1), "--workers", "1",
        ),
        "the reports": [sys.executable, "-m", "http.server", str(port + 2), "--bind", "127.0.0.1", "-d", str(reports)],
    }  # fmt: skip
    children = {name: _start(command) for name, command in commands.items()}
    sys.stderr.write(
        f"\nDagster  http://localhost:{port}\nMLflow   http://localhost:{port + 1}\n"
        f"reports  http://localhost:{port + 2}\nCtrl-C ends all of them.\n\n"
    )
    try:
        _wait(children)
    except KeyboardInterrupt:
        sys.stderr.write("ending ...\n")
    finally:
        _end(children)


def _tool(name: str, *arguments: str) -> list[str]:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed beside {sys.executable}.\n  do: make setup")
    return [found, *arguments]


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # a session of its own, so that whatever a child starts ends with it
    return subprocess.Popen(command, cwd=PROJECT, env=os.environ.copy(), start_new_session=True)


def _wait(children: dict[str, subprocess.Popen[bytes]]) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
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
        try:
            child.wait(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)

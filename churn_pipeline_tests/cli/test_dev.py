from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from churn_pipeline.cli import dev

# processes are started and killed
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("termination")]

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
LATE = "import sys, time, http.server as s; time.sleep(0.5); s.test(s.SimpleHTTPRequestHandler, bind='127.0.0.1', port=int(sys.argv[1]))"
"""A server that takes a while to be there."""
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)",
]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@contextmanager
def children(**commands: list[str]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    started = {name: dev._start(command, {}, held=2) for name, command in commands.items()}
    try:
        yield started
    finally:
        for child in started.values():
            if child.poll() is None:
                child.kill()
                child.wait()


def test_when_one_ends_the_others_are_ended_and_it_says_who(capsys: pytest.CaptureFixture[str]) -> None:
    ends = [sys.executable, "-c", "raise SystemExit(3)"]
    with children(ui=SLEEPS, daemon=ends) as started:
        dev._wait(started)
        assert "daemon ended with status 3; ending the others" in capsys.readouterr().err
        dev._end(started)
        assert started["ui"].poll() == -signal.SIGTERM


def test_what_a_child_has_started_ends_with_it() -> None:
    with children(ui=PARENT) as started:
        until = time.monotonic() + 20
        while not (grandchildren := psutil.Process(started["ui"].pid).children()) and time.monotonic() < until:
            time.sleep(0.05)
        (grandchild,) = grandchildren
        dev._end(started)
        grandchild.wait(timeout=10)
        assert not grandchild.is_running()


def test_a_child_that_does_not_listen_is_killed_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "GRACE_SECONDS", 0.3)
    child = subprocess.Popen(DEAF, start_new_session=True, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with closing(child.stdout):
        assert child.stdout.readline() == b"deaf\n"
        dev._end({"ui": child})
        assert child.wait(timeout=10) == -signal.SIGKILL


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """`serve` without databases, with children that only answer; gives the commands it would have started."""
    commands: list[str] = []
    start = dev._start

    def answering(command: list[str], environment: Mapping[str, str], *, held: int) -> Any:
        commands.append(" ".join(command))
        port = next((word for word in command if re.fullmatch(r"4\d{4}", word)), None)
        return start([sys.executable, "-c", LATE, port] if port else SLEEPS, environment, held=held)

    class Nothing:
        url, folder, name = "postgresql://x", tmp_path, "churn_demo"

        @classmethod
        def of(cls, _: object) -> Nothing:
            return cls()

        def create(self) -> None: ...

        def prepare(self) -> None: ...

    monkeypatch.setattr(dev, "_start", answering)
    monkeypatch.setattr(dev, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(dev, "Warehouse", Nothing)
    monkeypatch.setattr(dev, "ModelStore", Nothing)
    monkeypatch.setattr(dev, "_bury_the_dead", lambda _: None)
    for name in ("CHURN_MLFLOW_ADDRESS", "CHURN_REPORTS_ADDRESS"):
        monkeypatch.setenv(name, "http://localhost:1")
    return commands


def free_port() -> int:
    """A port that is free with the two after it (nothing else listens up there)."""
    for port in range(42_000, 48_000, 7):
        if not any(dev._listens(port + more) for more in range(3)):
            return port
    raise AssertionError("no free ports")


def test_addresses_are_told_once_all_of_them_answer_and_a_signal_ends_everything(
    served: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_pipeline.settings import Settings

    before, port = {ending: signal.getsignal(ending) for ending in (signal.SIGTERM, signal.SIGINT)}, free_port()
    wait, answered = dev._wait, list[bool]()

    def interrupted(started: dict[str, subprocess.Popen[bytes]]) -> None:
        answered.extend(dev._answers(port + more) for more in range(3))
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()
        wait(started)

    monkeypatch.setattr(dev, "_wait", interrupted)
    try:
        dev.serve(Settings(data_dir=tmp_path), port=port)
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
    assert [Path(command.split()[0]).name for command in served[:3]] == [
        "dagster-webserver",
        "dagster-daemon",
        "mlflow",
    ]
    assert all("127.0.0.1" in command for command in served if "daemon" not in command)
    said = capsys.readouterr().err
    assert answered == [True, True, True]
    assert said.startswith("starting Dagster's UI, Dagster's daemon, MLflow's UI, the reports;")
    assert f"Dagster  http://localhost:{port}\nMLflow   http://localhost:{port + 1}\n" in said
    assert said.endswith(f"{dev.addresses(port, model='churn_demo')}ending ...\n")
    assert f"  http://localhost:{port}/asset-groups\n" in said
    assert f"  http://localhost:{port + 1}/#/models/churn_demo\n" in said
    assert [child for child in psutil.Process().children() if "import" in " ".join(child.cmdline())] == []


def test_no_address_is_told_where_one_of_them_never_answers() -> None:
    ends = [sys.executable, "-c", "raise SystemExit(3)"]
    with children(ui=SLEEPS, daemon=ends) as started:
        assert not dev._all_answer([free_port()], started)


def test_a_port_that_is_taken_is_named_before_anything_starts(served: list[str], tmp_path: Path) -> None:
    from churn_pipeline.settings import Settings

    port = free_port()
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # another test's connections may linger on it
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        with pytest.raises(dev.PortsTaken, match=rf"port {port + 1} \(wanted for MLflow's UI\)"):
            dev.serve(Settings(data_dir=tmp_path), port=port)
    assert served == []


def test_a_tool_that_is_not_installed_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-tool is not installed"):
        dev._tool("no-such-tool")

"""The UI in a real browser: a webserver of its own on a free port, and the Chromium of the system."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from churn_pipeline.cli.environment import QUIET
from churn_pipeline.settings import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OUTSIDE = re.compile(r"^(?!(file|data|blob|about):|https?://(127\.0\.0\.1|localhost)[:/])")
"""Addresses that are not on this machine."""
START_SECONDS = 120


def chromium() -> str | None:
    """Where the system's Chromium is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a process that works on a data directory; `more` are settings."""
    fixed = {"DAGSTER_HOME": str(PROJECT), "CHURN_DATA_DIR": str(data_dir)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_", "DAGSTER_"))}
    return inherited | QUIET | fixed | more


@contextmanager
def dagster_ui(env: Mapping[str, str]) -> Iterator[str]:
    """Dagster's UI on a free port; its address. It ends, with all that it started, when the block does."""
    port = free_port()
    webserver = str(Path(sys.executable).parent / "dagster-webserver")
    started = subprocess.Popen(
        [webserver, "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        cwd=PROJECT,
        env=dict(env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, started)
        yield address
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(timeout=60)


@contextmanager
def page(*, width: int, height: int, scale: float = 1) -> Iterator[Page]:
    """A page of the system's Chromium, without any network but this machine's.

    Raises:
        FileNotFoundError: no Chromium is installed.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        raise FileNotFoundError("no Chromium is installed.\n  do: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        context.route(OUTSIDE, lambda route: route.abort())
        yield context.new_page()
        browser.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, started: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            if started.poll() is not None:
                break
            time.sleep(0.3)
    raise RuntimeError(f"Dagster's UI did not start on {address} (status {started.poll()})")

"""The UI as people see it, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.definitions import CAPABILITIES
from churn_pipeline.settings import PROJECT
from churn_pipeline_tests.browser import chromium, dagster_ui, environment, page
from churn_pipeline_tests.conftest import short_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="NO CHROMIUM: what the UI looks like is not tested on this machine"),
]
SMALL = {
    "CHURN_DEMO_TRIALS": "600",
    "CHURN_DEMO_FROM": "2026-07-01",
    "CHURN_DEMO_DAYS": "120",
    "CHURN_TUNING_TRIALS": "1",
}


@pytest.fixture(scope="module")
def ran() -> Iterator[str]:
    """Address of the UI after a small run of the whole chain."""
    with _small_run() as env, dagster_ui(env) as address:
        yield address


@contextmanager
def _small_run() -> Iterator[dict[str, str]]:
    with short_folder() as folder:
        env = environment(folder, **SMALL)
        command = [str(Path(sys.executable).parent / "churn"), "run"]
        ended = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
        try:
            assert ended.returncode == 0, ended.stderr[-3000:]
            yield env
        finally:
            stop_server(folder)


def test_the_graph_shows_every_capability_as_a_group(ran: str) -> None:
    with page(width=1600, height=1000) as shown:
        shown.goto(f"{ran}/asset-groups")
        for group in CAPABILITIES:
            shown.get_by_text(group, exact=True).first.wait_for()


def test_the_scores_show_their_columns_their_counts_and_a_picture_that_can_be_seen(ran: str) -> None:
    with page(width=1600, height=1000) as shown:
        shown.goto(f"{ran}/assets/scores")
        shown.get_by_text("Calibrated probability that the trial converts").wait_for()
        shown.get_by_text("trials at risk").wait_for()
        row = shown.get_by_role("row").filter(has=shown.get_by_text("score distribution", exact=True))
        row.get_by_text("[Show Markdown]").click()
        picture = shown.get_by_role("dialog").locator("img")
        picture.wait_for()
        assert picture.evaluate("image => image.naturalWidth") == 700


def test_the_automation_page_names_what_happens_by_itself(ran: str) -> None:
    with page(width=1600, height=1000) as shown:
        shown.goto(f"{ran}/automation")
        for name in ("every_night", "every_month", "degradation"):
            shown.get_by_text(name, exact=True).wait_for()

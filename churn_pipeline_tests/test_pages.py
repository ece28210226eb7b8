"""The UI as people see it, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from churn_pipeline.adapters.embedded_postgres import stop_server
from churn_pipeline.definitions import CAPABILITIES
from churn_pipeline.settings import Settings
from churn_pipeline_tests.browser import chromium, dagster_ui, environment, page
from churn_pipeline_tests.chains import dagster_instance, run
from churn_pipeline_tests.conftest import short_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="NO CHROMIUM: what the UI looks like is not tested on this machine"),
]
SMALL: dict[str, Any] = {
    "demo_trials": 600,
    "demo_from": date(2026, 7, 1),
    "demo_days": 120,
    # regressions alone: they are fitted in no time
    "few_conversions": 100_000,
    "drift_false_alarm": 0.1,
    "threads": 1,
}


@pytest.fixture(scope="module")
def ran() -> Iterator[str]:
    """Address of the UI after a small run of the whole chain."""
    with _small_run() as env, dagster_ui(env) as address:
        yield address


@contextmanager
def _small_run() -> Iterator[dict[str, str]]:
    with short_folder() as folder:
        env = environment(folder)
        business = Settings(data_dir=folder, **SMALL)
        try:
            with dagster_instance(env) as instance:
                assert run(business, instance=instance).success
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

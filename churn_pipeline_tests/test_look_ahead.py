"""Look-ahead, seen from outside: the whole chain on a source that knows more, and on the same source cut at the day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.settings import Settings
from churn_pipeline_tests.chains import UNTIL, run, small, tables, world, write_source
from churn_pipeline_tests.conftest import fresh_database

pytestmark = [pytest.mark.flow, pytest.mark.slow]


LONG: dict[str, Any] = {
    # nothing may differ, whatever the models are worth: few trials show it as well as many
    "demo_trials": 480,
    "demo_from": date(2026, 3, 5),
    "demo_days": 241,
    # with so low a bar the whole ensemble is fitted on so few trials
    "few_conversions": 20,
    # no Great Expectations: it sees one batch, and none of the past
    "suite_sample_rows": 0,
}
"""History enough for the whole ensemble on the oldest of the days."""
COMPARED = ("scores", "actions", "model_verdicts", "model_promotions", "drift", "data_expectations")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that knows a month more than any of the days."""
    folder = tmp_path_factory.mktemp("source")
    return write_source(world(small(folder, "", **LONG), UNTIL + timedelta(days=30)), folder / "full")


@pytest.mark.parametrize("day", [UNTIL, UNTIL - timedelta(days=45), UNTIL - timedelta(days=120)])
def test_what_was_known_later_changes_no_score_no_reason_and_no_verdict(
    day: date, full: Path, tmp_path: Path, database: str, postgres: str
) -> None:
    cut = write_source(world(small(tmp_path, database, **LONG), day), tmp_path / "cut")
    assert pq.read_metadata(full / "events.parquet").num_rows > pq.read_metadata(cut / "events.parquet").num_rows
    with fresh_database(postgres) as other:
        whole = everything(small(tmp_path / "whole", database, source=full, business="whole", **LONG), day)
        part = everything(small(tmp_path / "part", other, source=cut, business="part", **LONG), day)
    assert whole["scores"]
    assert whole["model_verdicts"]
    assert {row["verdict"] for row in whole["data_expectations"]} >= {"as_expected"}
    assert whole == part


def everything(settings: Settings, day: date) -> dict[str, Any]:
    """What a run of the whole chain as of a day makes of a source."""
    assert run(settings, day=day).success
    assert not ModelStore.of(settings).load("1").facts["note"], "regressions alone"
    found = tables(settings)
    return {name: found[name] for name in COMPARED}

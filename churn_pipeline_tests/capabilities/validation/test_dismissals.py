from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.features.snapshots import write_labels
from churn_pipeline.capabilities.validation.dismissals import DismissalError, dismiss
from churn_pipeline.capabilities.validation.resolutions import write_resolutions
from churn_pipeline.contracts.analytics import DATA_QUALITY_ISSUES
from churn_pipeline_tests.batches import (
    AS_OF,
    READ_AT,
    clean_source,
    empty_lake,
    event,
    subscription,
    take_in,
    write_csv,
)

pytestmark = pytest.mark.flow
WHY = "a test of the shop, deleted there"
MATURED = AS_OF + timedelta(days=21)
"""By then the windows of all trials have closed."""


@pytest.fixture
def lake(tmp_path: Path, warehouse: Warehouse) -> Lake:
    """A lake of 40 trials; the subscriptions of trials 1 and 2 and two events are in quarantine."""
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    bad = {"started_at": "2024-05-10T00:00:00Z", "mrr": "-1"}
    rows = [subscription(1, **bad), subscription(2, subscription_id="", **bad), subscription(4)]
    write_csv(source.folder / "subscriptions.csv", rows)
    write_csv(source.folder / "events.csv", [event(0), event(1, value="x"), event(2, event_name="")])
    for accepted in take_in(lake, source).values():
        warehouse.append(DATA_QUALITY_ISSUES, accepted.issues)
    return lake


def issues(warehouse: Warehouse, table: str) -> list[str]:
    """The issues of a table."""
    found = warehouse.read("select issue_id from data_quality_issues where table_name = $1 order by 1", [table])
    return [str(issue) for issue in found["issue_id"].to_pylist()]


def unlabelled(lake: Lake, days: int = 0) -> set[str]:
    """The trials without a label, so many days after all have matured."""
    as_of = MATURED + timedelta(days=days)
    write_labels(lake, as_of, grace_days=7)
    return {f"t{n}" for n in range(40)} - set(lake.read("labels", as_of)["trial_id"].to_pylist())


def test_a_trial_has_a_label_from_the_moment_on_at_which_its_issue_was_dismissed(
    lake: Lake, warehouse: Warehouse
) -> None:
    at = MATURED + timedelta(hours=9)
    assert unlabelled(lake) == {"t1", "t2"}
    landed = dismiss(lake, warehouse, issues=issues(warehouse, "subscriptions"), why=WHY, dismissed_at=at)
    assert landed.new == 2
    assert unlabelled(lake) == {"t1", "t2"}, "a day before it knows nothing of it"
    assert unlabelled(lake, days=1) == set()
    labels = {row["trial_id"]: row["converted"] for row in lake.read("labels", MATURED + timedelta(days=1)).to_pylist()}
    assert (labels["t1"], labels["t2"], labels["t4"]) == (False, False, True)


def test_a_dismissed_issue_is_closed_with_its_reason_and_twice_changes_nothing(
    lake: Lake, warehouse: Warehouse
) -> None:
    given: dict[str, Any] = {"table": "events", "rule": "null_event_name", "why": f"  {WHY} "}
    for hours, new in ((0, 1), (1, 0)):
        at = READ_AT + timedelta(hours=hours)
        assert dismiss(lake, warehouse, **given, dismissed_at=at).new == new
        write_resolutions(lake, warehouse, resolved_at=at, run_id="r")
    (closed,) = warehouse.read("select * from data_quality_resolutions").to_pylist()
    assert (closed["resolved_by"], closed["became"], closed["resolved_at"]) == ("dismissal", WHY, READ_AT)
    assert closed["issue_id"] in issues(warehouse, "events")


def test_what_a_killed_run_dismissed_is_closed_by_the_next(lake: Lake, warehouse: Warehouse) -> None:
    dismiss(lake, warehouse, table="events", why=WHY, dismissed_at=READ_AT)
    assert dismiss(lake, warehouse, table="events", why="again", dismissed_at=READ_AT).new == 0
    assert write_resolutions(lake, warehouse, resolved_at=READ_AT, run_id="r") == 2
    assert set(warehouse.read("select became from data_quality_resolutions")["became"].to_pylist()) == {WHY}


@pytest.mark.parametrize("said", [{"why": WHY}, {"table": "events", "why": " "}])
def test_neither_which_nor_why_goes_without_saying(said: dict[str, str], lake: Lake, warehouse: Warehouse) -> None:
    with pytest.raises(DismissalError, match="it is not said which issues are dismissed, or not why"):
        dismiss(lake, warehouse, **said, dismissed_at=READ_AT)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.adapters.sources import Source
from churn_pipeline.capabilities.ingestion.replay import stage_batch, write_batch
from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.replayed import check_replay, take_back
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS
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
from churn_pipeline_tests.capabilities.ingestion.test_replay import repaired

pytestmark = pytest.mark.flow


def put_back(lake: Lake, *rows: tuple[str, dict[str, Any], str | None]) -> dict[str, Accepted]:
    """Replay rows, by table."""
    folder = lake.root.parent / "replays"
    stage_batch(lake, folder / write_batch(folder, repaired(*rows)), None, as_of=AS_OF, read_at=READ_AT)
    assert all(verdict.passed for verdict in check_replay(lake, as_of=AS_OF))
    return {a.table: a for a in take_back(lake, as_of=AS_OF, read_at=READ_AT, run_id="replay-1")}


def mended(lake: Lake, table: str) -> dict[str, tuple[str, bool]]:
    """What became of each issue in the end: key or issue, and whether it was rejected again."""
    query = lake.every_day(
        f"mended_{table}", "null::varchar as issue_id, null::varchar as became, null::boolean as rejected"
    )
    with lake.engine.connection() as connection:
        rows = connection.execute(f"select issue_id, became, rejected from ({query})").fetchall()
    return {issue: (became, rejected) for issue, became, rejected in sorted(rows, key=lambda row: not row[2])}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A source with four bad events."""
    source = clean_source(tmp_path / "source")
    bad = [event(n, event_id=f"b{n}", occurred_at="13/45/2026") for n in range(4)]
    write_csv(source.folder / "events.csv", [*(event(n) for n in range(40)), *bad])
    return source


def issues(accepted: Accepted) -> dict[str, str]:
    """Issue by key."""
    return {row["record_key"]: row["issue_id"] for row in accepted.issues.to_pylist()}


def test_good_rows_land_and_the_others_are_issues_again(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    was = issues(take_in(lake, source)["events"])
    again = put_back(
        lake,
        ("events", event(0, event_id="b0"), was["b0"]),
        ("events", event(1, event_id="b1", occurred_at="14/45/2026"), was["b1"]),
        ("events", event(2, event_id="b2", occurred_at="13/45/2026"), was["b2"]),
    )["events"]
    assert (again.read, again.kept, again.new, again.quarantined) == (3, 1, 1, 2)
    now = issues(again)
    assert now["b1"] != was["b1"]
    assert mended(lake, "events") == {was["b0"]: ("b0", False), was["b1"]: (now["b1"], True)}


def test_a_row_that_was_not_touched_is_the_issue_that_it_was(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    first = take_in(lake, source)["events"].issues.to_pylist()
    again = put_back(lake, *(("events", json.loads(row["raw_row"]), row["issue_id"]) for row in first))["events"]
    assert set(again.issues["issue_id"].to_pylist()) == {row["issue_id"] for row in first}
    assert mended(lake, "events") == {}


def test_whatever_a_repair_was_rejected_as_goes_the_way_of_its_issue(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    issue = issues(take_in(lake, source)["events"])["b0"]
    wrong, other = (
        put_back(lake, ("events", event(0, event_id="b0", value=value), issue))["events"].issues["issue_id"][0].as_py()
        for value in ("wrong", "other")
    )
    assert mended(lake, "events") == {issue: (other, True), wrong: (other, True)}
    put_back(lake, ("events", event(0, event_id="b0", value="wrong"), issue))
    assert other not in mended(lake, "events"), "one of them is open, whatever is tried"
    put_back(lake, ("events", event(0, event_id="b0"), issue))
    assert {found[0] for found in mended(lake, "events").values()} >= {"b0"}
    assert mended(lake, "events")[other] == ("b0", False)


def test_replaying_twice_changes_nothing(source: Source, tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    was = issues(take_in(lake, source)["events"])
    rows = (("events", event(0, event_id="b0"), was["b0"]), ("events", event(1, event_id="b1", value="x"), was["b1"]))
    put_back(lake, *rows)
    before = mended(lake, "events")
    again = put_back(lake, *rows)["events"]
    assert (again.kept, again.new, again.quarantined) == (1, 0, 1)
    assert mended(lake, "events") == before
    with lake.engine.connection() as connection:
        lake.history(connection, EVENTS, view="landed")
        assert connection.execute("select count(*), count(distinct event_id) from landed").fetchone() == (41, 41)


def test_a_repaired_key_frees_the_trial_for_its_label(tmp_path: Path) -> None:
    """Quarantine knows the record without a key; that it landed under one can only be known from the replay."""

    def rejected(lake: Lake) -> list[str]:
        with lake.engine.connection() as connection:
            lake.rejected(connection, SUBSCRIPTIONS, before=AS_OF)
            return [row[0] for row in connection.execute("from rejected_subscriptions").fetchall()]

    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "subscriptions.csv", [subscription(3, subscription_id="")])
    (issue,) = take_in(lake, source)["subscriptions"].issues.to_pylist()
    assert rejected(lake) == ["t3"]
    put_back(lake, ("subscriptions", subscription(3, mrr="-1", subscription_id=""), issue["issue_id"]))
    assert rejected(lake) == ["t3"]
    put_back(lake, ("subscriptions", subscription(3), issue["issue_id"]))
    assert rejected(lake) == []


def test_what_cannot_be_used_as_a_whole_is_refused_by_name(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    take_in(lake, clean_source(tmp_path / "source"))
    nameless = {column: value for column, value in event(1, event_id="n").items() if column != "event_name"}
    folder = tmp_path / "replays"
    batch = write_batch(folder, repaired(("events", nameless, None)))
    stage_batch(lake, folder / batch, None, as_of=AS_OF, read_at=READ_AT)
    (verdict,) = check_replay(lake, as_of=AS_OF)
    assert not verdict.passed
    assert "events.jsonl, column event_name, rule missing_column" in str(verdict)


def test_without_repaired_rows_there_is_nothing_to_take_back(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no repaired_rows for 2024-06-01"):
        take_back(empty_lake(tmp_path), as_of=AS_OF, read_at=READ_AT, run_id="r")

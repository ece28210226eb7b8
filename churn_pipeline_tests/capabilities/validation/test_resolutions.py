from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.validation.acceptance import Accepted
from churn_pipeline.capabilities.validation.resolutions import resolutions
from churn_pipeline_tests.batches import AS_OF, READ_AT, clean_source, empty_lake, event, take_in, trial, write_csv
from churn_pipeline_tests.capabilities.validation.test_replayed import put_back

pytestmark = pytest.mark.flow


def resolved(lake: Lake, *accepted: Accepted) -> list[tuple[str, str]]:
    """resolved_by and became of the issues of what was accepted, in order of what they became."""
    still_open = pa.concat_tables([a.issues.select(["issue_id", "table_name"]) for a in accepted])
    found = resolutions(lake, still_open, resolved_at=READ_AT, run_id="r").to_pylist()
    return sorted((row["resolved_by"], row["became"]) for row in found)


def test_a_record_that_the_source_brings_again_in_order_is_resolved(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(1, value="x"), event(2, value="x"), event(3)])
    first = take_in(lake, source)["events"]
    assert resolved(lake, first) == []
    write_csv(source.folder / "events.csv", [event(1), event(2, value="x"), event(3)])
    take_in(lake, source, as_of=AS_OF + timedelta(days=1))
    assert resolved(lake, first) == [("source", "e1")]


def test_of_two_contents_of_one_key_the_one_that_landed_resolves_nothing(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(1), event(1, event_name="other")])
    first = take_in(lake, source)["events"]
    assert first.issues["rule"].to_pylist() == ["duplicate_key"]
    assert resolved(lake, first) == []
    put_back(lake, ("events", event(1, event_name="other", event_id="e1b"), first.issues["issue_id"][0].as_py()))
    assert resolved(lake, first) == [("replay", "e1b")]


def test_an_older_version_that_landed_before_resolves_nothing_and_a_newer_one_does(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    take_in(lake, source)
    bad = trial(1, company_size=0, updated_at="2024-05-20T00:00:00Z")
    write_csv(source.folder / "trials.csv", [bad, trial(2, company_size=0, updated_at="20 May")])
    first = take_in(lake, source, as_of=AS_OF + timedelta(days=1))["trials"]
    assert resolved(lake, first) == []
    newer = [trial(n, updated_at="2024-05-21T00:00:00Z") for n in (1, 2)]
    write_csv(source.folder / "trials.csv", newer)
    take_in(lake, source, as_of=AS_OF + timedelta(days=2))
    assert resolved(lake, first) == [("source", "t1")], "of the other one nobody knows which version it was"


def test_a_repaired_row_that_is_rejected_again_lives_on_as_a_newer_issue(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(1), event(2, event_id="", value="x")])
    first = take_in(lake, source)["events"]
    issue = first.issues["issue_id"][0].as_py()
    again = put_back(lake, ("events", event(2, event_id="", value="y"), issue))["events"]
    newer = again.issues["issue_id"][0].as_py()
    assert resolved(lake, first) == [("newer_issue", newer)]
    put_back(lake, ("events", event(2, event_id="e2"), newer))
    assert resolved(lake, again) == [("replay", "e2")]


def test_nothing_open_is_nothing_to_look_for(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    accepted = take_in(lake, clean_source(tmp_path / "source"))
    assert resolved(lake, *accepted.values()) == []

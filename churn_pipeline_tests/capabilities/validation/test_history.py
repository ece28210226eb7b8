from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source
from churn_pipeline.capabilities.validation.history import History, history_of
from churn_pipeline.contracts.raw import EVENTS, INVOICES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.batches import empty_lake, event, stage, take_in, trial, write_csv

pytestmark = pytest.mark.flow

FIRST = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def at(day: int, hours: float = 8) -> str:
    """A moment of a day, from 0."""
    return (FIRST + DAY * day + timedelta(hours=hours)).isoformat()


def source_of(folder: Path, *, events: list[dict[str, Any]], trials: list[dict[str, Any]] | None = None) -> Source:
    """A source of one trial and what happened in it, unless trials are given."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "trials.csv", trials or [trial(1, started_at=at(0, 0))])
    write_csv(folder / "events.csv", events)
    return Source(folder)


def happened(number: int, day: int, **other: Any) -> dict[str, Any]:
    """An event of trial 1 on a day, known at once."""
    return event(number, trial_id="t1", occurred_at=at(day), received_at=at(day), **other)


def looked_back(lake: Lake, table: Table, day: int, window: int = 28) -> History:
    """The history as of the end of a day."""
    found = history_of(lake, table, as_of=FIRST + DAY * (day + 1), window_days=window)
    assert found is not None
    return found


def test_days_are_counted_from_the_first_record_to_the_newest_day_whether_anything_came_or_not(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    events = [
        happened(1, 0),
        happened(2, 0, event_name="export"),
        happened(3, 2, feature="reports"),
        happened(4, 3, value=""),
        event(5, trial_id="t1", occurred_at=at(1), received_at=at(3, 9)),
        happened(6, 4),
    ]
    stage(lake, source_of(tmp_path / "in", events=events), as_of=FIRST + DAY * 4)
    seen = looked_back(lake, EVENTS, 3)
    assert list(seen.records) == [2, 0, 1, 2]
    assert list(seen.nulls["value"]) == [0, 0, 0, 1]
    assert list(seen.nulls["feature"]) == [2, 0, 0, 2]
    assert {word: list(days) for word, days in seen.values["event_name"].items()} == {
        "login": [1, 0, 1, 2],
        "export": [1, 0, 0, 0],
    }
    assert seen.late is not None
    assert list(seen.late) == [0, 0, 0, 1]
    assert list(np.round(seen.ages)) == [16, 40, 16, 15]
    assert "user_id" not in seen.nulls, "a column that nobody fills is not expected to be"


def test_what_landed_and_what_comes_again_is_counted_once(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    before = [happened(n, n % 3) for n in range(6)]
    as_of = FIRST + DAY * 5
    take_in(lake, source_of(tmp_path / "in", events=before), as_of=as_of)
    # an export of what is new, with one old record in it
    stage(lake, source_of(tmp_path / "in", events=[before[0], happened(9, 4)]), as_of=as_of)
    first = looked_back(lake, EVENTS, 4)
    assert list(first.records) == [2, 2, 2, 0, 1]
    take_in(lake, source_of(tmp_path / "in", events=[before[0], happened(9, 4)]), as_of=as_of)
    assert list(looked_back(lake, EVENTS, 4).records) == [2, 2, 2, 0, 1], "the same before and after landing"


def test_what_was_known_later_changes_nothing(tmp_path: Path) -> None:
    """A source and the same source cut at the day have the same history."""
    events = [happened(n, n % 9) for n in range(30)]
    late = event(90, trial_id="t1", occurred_at=at(1), received_at=at(8))
    trials = [trial(n, started_at=at(n), plan="", updated_at=at(n, 10)) for n in range(2, 9)]
    versions = [trial(n, started_at=at(n), plan="pro", updated_at=at(8)) for n in range(2, 9)]
    seen = []
    for name, kept in (("whole", [*events, late]), ("cut", [e for e in events if e["received_at"] < at(6, 0)])):
        lake = empty_lake(tmp_path / name)
        mine = [*trials, *versions] if name == "whole" else trials[:4]
        stage(
            lake,
            source_of(tmp_path / name / "in", events=kept, trials=[trial(1, started_at=at(0, 0)), *mine]),
            as_of=FIRST + DAY * 6,
        )
        seen.append([looked_back(lake, table, 5) for table in (EVENTS, TRIALS)])
    for whole, cut in zip(*seen, strict=True):
        for field in ("records", "attributes", "ages"):
            np.testing.assert_array_equal(getattr(whole, field), getattr(cut, field))
        assert whole.nulls.keys() == cut.nulls.keys()
        assert {c: {w: list(d) for w, d in v.items()} for c, v in whole.values.items()} == {
            c: {w: list(d) for w, d in v.items()} for c, v in cut.values.items()
        }


def test_of_a_record_that_changed_counts_what_was_known_on_its_own_day(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    trials = [
        trial(1, started_at=at(0), plan="", updated_at=at(0, 12)),
        trial(1, started_at=at(0), plan="pro", updated_at=at(2)),
        trial(2, started_at=at(1), plan="pro", updated_at=at(2)),  # only a later version is there
        trial(3, started_at=at(2), plan="basic", updated_at=""),
    ]
    stage(lake, source_of(tmp_path / "in", events=[happened(1, 0)], trials=trials), as_of=FIRST + DAY * 3)
    seen = looked_back(lake, TRIALS, 2)
    assert list(seen.records) == [1, 1, 1]
    assert list(seen.attributes) == [1, 0, 1]
    assert list(seen.nulls["plan"]) == [1, 0, 0]
    assert {w: list(d) for w, d in seen.values["plan"].items()} == {"basic": [0, 0, 1]}


def test_a_table_without_records_has_no_history_and_a_window_ends_it(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    stage(lake, source_of(tmp_path / "in", events=[happened(n, n) for n in range(60)]), as_of=FIRST + DAY * 60)
    assert history_of(lake, INVOICES, as_of=FIRST + DAY * 60, window_days=28) is None
    assert len(looked_back(lake, EVENTS, 59).records) == 29


def test_a_column_with_too_many_words_is_no_set_of_categories(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path)
    events = [happened(n, n % 3, event_name=f"page {n}") for n in range(120)]
    stage(lake, source_of(tmp_path / "in", events=events), as_of=FIRST + DAY * 3)
    assert "event_name" not in looked_back(lake, EVENTS, 2).values

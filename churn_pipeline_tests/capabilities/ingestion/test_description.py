from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_pipeline.adapters.sources import Source, open_source
from churn_pipeline.capabilities.ingestion.description import describe_source, newest_known
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.settings import PROJECT
from churn_pipeline_tests.batches import READ_AT, clean_source, empty_lake, event, take_in, trial, write_csv

MAPPINGS = PROJECT / "data" / "mappings"


def real(name: str) -> Source:
    folder = os.environ.get("CHURN_REALDATA")
    if not folder:
        pytest.skip(f"CHURN_REALDATA names no folder with the real set {name}: this is not tested")
    return open_source(Path(folder) / name, MAPPINGS / f"{name}.yaml")


def test_a_description_says_what_was_found_and_what_is_absent(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "notes.txt").write_text("hello")
    found = describe_source(empty_lake(tmp_path / "out"), source, read_at=READ_AT)
    trials, events, *_ = found.tables
    assert (trials.rows, trials.good, trials.first) == (40, 40, datetime(2024, 5, 1, 8, tzinfo=UTC))
    assert events.last == datetime(2024, 5, 20, 10, 1, tzinfo=UTC)
    assert "user_id" in events.absent
    assert found.unused == ("notes.txt",)
    assert found.problems == ()


def test_describing_writes_nothing_to_the_lake(tmp_path: Path) -> None:
    lake = empty_lake(tmp_path / "out")
    describe_source(lake, clean_source(tmp_path / "source"), read_at=READ_AT)
    assert not lake.root.exists()


def test_problems_are_told_all_at_once(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "trials.csv").write_bytes(b"")
    write_csv(source.folder / "events.csv", [event(1)], ["event_id", "trial_id", "event_name"])
    (source.folder / "subscriptions.csv").unlink()
    text = "\n".join(describe_source(empty_lake(tmp_path), source, read_at=READ_AT).problems)
    assert "trials.csv: the file is empty" in text
    assert "events: column occurred_at is missing" in text
    assert "subscriptions: not found; without it nothing can be learnt" in text


def test_bad_rows_are_counted_by_rule(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "trials.csv", [*(trial(n) for n in range(40)), trial(41, trial_days=0)])
    found = describe_source(empty_lake(tmp_path), source, read_at=READ_AT)
    assert found.problems == ("trials: 1 of 41 rows break out_of_bounds_trial_days",)


def test_the_newest_known_record_is_a_good_one_and_not_after_now(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    more = [event(41, trial_id="t1", occurred_at="2031-01-01"), event(42, occurred_at="2024-05-30", value="many")]
    write_csv(source.folder / "events.csv", [*(event(n) for n in range(40)), *more])
    assert newest_known(empty_lake(tmp_path), source, now=READ_AT) == datetime(2024, 5, 25, tzinfo=UTC)


def test_an_empty_source_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    assert newest_known(empty_lake(tmp_path), Source(tmp_path / "source"), now=READ_AT) is None


@pytest.mark.parametrize(
    ("name", "trials", "events", "conversions"),
    [("trial_workforce_saas", 966, 2_813, 206), ("cdnow", 23_570, 69_659, 4_549)],
)
def test_the_real_sets_are_read_whole(name: str, trials: int, events: int, conversions: int, tmp_path: Path) -> None:
    accepted = take_in(
        empty_lake(tmp_path), real(name), [TRIALS, EVENTS, SUBSCRIPTIONS], read_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert [accepted[t].kept for t in ("trials", "events", "subscriptions")] == [trials, events, conversions]
    assert all(a.quarantined == 0 == a.duplicate for a in accepted.values())

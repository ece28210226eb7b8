from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source, SourceError, open_source
from churn_pipeline.capabilities.ingestion.staging import stage_table
from churn_pipeline.capabilities.validation.acceptance import accept
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.batches import AS_OF, READ_AT, clean_source, empty_lake, event, take_in, trial, write_csv

pytestmark = pytest.mark.flow

LATER = READ_AT + timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return empty_lake(tmp_path / "lake")


def source(tmp_path: Path, said: str) -> Source:
    """A clean source of 10 trials whose events are read with this in the mapping."""
    folder = clean_source(tmp_path / "source", trials=10).folder
    mapping = tmp_path / "acme.yaml"
    mapping.write_text(f"tables: {{events: {{from: events.csv, {said}}}}}")
    return open_source(folder, mapping)


def known(lake: Lake, before: datetime, table: Table = EVENTS) -> set[Any]:
    """The keys of the records that are known before a moment."""
    with lake.engine.connection() as connection:
        lake.known(connection, [TRIALS, EVENTS, SUBSCRIPTIONS], before=before)
        return {key for (key,) in connection.execute(f"select {table.key[0]} from {table.name}").fetchall()}


def ids(*numbers: int) -> set[str]:
    return {f"e{n}" for n in numbers}


def test_a_marked_record_is_gone_from_the_moment_of_its_mark_and_known_before(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deleted: removed_at")
    events = [event(n, removed_at="2024-05-25 10:00" if n == 3 else "") for n in range(10)]
    write_csv(shop.folder / "events.csv", events)
    for _ in range(2):  # the second time changes nothing
        take_in(lake, shop, [TRIALS, EVENTS])
        assert known(lake, datetime(2024, 5, 25, 10, tzinfo=UTC)) == ids(*range(10))
        assert known(lake, datetime(2024, 5, 26, tzinfo=UTC)) == ids(*range(10)) - ids(3)


def test_a_mark_that_only_says_yes_counts_from_the_reading_on_and_may_be_taken_back(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deleted: {sql: \"state = 'gone'\"}")
    for state, at in (("", READ_AT), ("gone", LATER), ("", LATER + timedelta(days=1))):
        write_csv(shop.folder / "events.csv", [event(n, state=state if n == 3 else "") for n in range(10)])
        take_in(lake, shop, [TRIALS, EVENTS], read_at=at)
    moment = timedelta(seconds=1)
    assert known(lake, READ_AT + moment) == ids(*range(10))
    assert known(lake, LATER + moment) == ids(*range(10)) - ids(3)
    assert known(lake, LATER + timedelta(days=1) + moment) == ids(*range(10))


def test_a_deletion_that_lies_ahead_has_not_happened(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deleted: removed_at")
    write_csv(shop.folder / "events.csv", [event(n, removed_at="2031-01-01") for n in range(10)])
    take_in(lake, shop, [TRIALS, EVENTS])
    assert known(lake, datetime(2032, 1, 1, tzinfo=UTC)) == ids(*range(10))


def test_a_mark_that_says_neither_when_nor_whether_is_refused_with_its_place(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deleted: removed_at")
    write_csv(shop.folder / "events.csv", [event(n, removed_at="perhaps" if n == 3 else "") for n in range(10)])
    with pytest.raises(SourceError, match=r"tables\.events\.deleted: 1 rows say neither .*first: events\.csv line 5"):
        take_in(lake, shop, [TRIALS, EVENTS])


def test_what_is_not_in_the_source_any_more_is_gone_from_the_reading_on(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deletes: compare keys")
    take_in(lake, shop, [TRIALS, EVENTS])
    write_csv(shop.folder / "events.csv", [event(n) for n in range(10) if n != 3])
    for day in range(2):
        take_in(lake, shop, [TRIALS, EVENTS], read_at=LATER + timedelta(days=day))
    write_csv(shop.folder / "events.csv", [event(n) for n in range(10)])
    take_in(lake, shop, [TRIALS, EVENTS], read_at=LATER + timedelta(days=5))
    assert known(lake, LATER) == ids(*range(10))
    assert known(lake, LATER + timedelta(days=4)) == ids(*range(10)) - ids(3)
    assert known(lake, LATER + timedelta(days=6)) == ids(*range(10))


def test_a_record_that_could_not_be_read_is_not_taken_for_deleted(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deletes: compare keys")
    take_in(lake, shop, [TRIALS, EVENTS])
    events = shop.folder / "events.csv"
    lines = events.read_text().splitlines()
    events.write_text("\n".join([*lines[:4], '"' + lines[4], *lines[5:]]))
    take_in(lake, shop, [TRIALS, EVENTS], read_at=LATER)
    assert known(lake, LATER + timedelta(days=1)) == ids(*range(10))


def test_a_source_that_has_lost_too_much_is_refused_and_nothing_is_deleted(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deletes: compare keys")
    take_in(lake, shop, [TRIALS, EVENTS])
    write_csv(shop.folder / "events.csv", [event(1)])
    with pytest.raises(SourceError, match=r"events: 9 of 10 known records \(90\.0%\) are not in the source any more"):
        stage_table(lake, shop, EVENTS, as_of=AS_OF, read_at=LATER, max_deleted_share=0.2)
    assert known(lake, LATER + timedelta(days=1)) == ids(*range(10))


def test_of_a_record_with_versions_the_newest_says_whether_it_is_deleted(lake: Lake, tmp_path: Path) -> None:
    folder = clean_source(tmp_path / "source", trials=3).folder
    (tmp_path / "acme.yaml").write_text("tables: {trials: {from: trials.csv, deleted: gone}}")
    versions = [("2024-05-21", "yes"), ("2024-05-22", "no")]
    rows = [
        trial(n, updated_at=at, gone=said) for n in range(3) for at, said in (versions if n else versions[::-1][1:])
    ]
    write_csv(folder / "trials.csv", rows)
    shop = open_source(folder, tmp_path / "acme.yaml")
    take_in(lake, shop, [TRIALS])
    assert known(lake, LATER, TRIALS) == {"t1", "t2"}


def test_a_batch_that_does_not_land_deletes_nothing(lake: Lake, tmp_path: Path) -> None:
    shop = source(tmp_path, "deletes: compare keys")
    take_in(lake, shop, [TRIALS, EVENTS])
    write_csv(shop.folder / "events.csv", [event(n) for n in range(9)])
    staged = stage_table(lake, shop, EVENTS, as_of=AS_OF, read_at=LATER)
    assert staged.deletions == 1
    assert known(lake, LATER + timedelta(days=1)) == ids(*range(10))
    accept(lake, EVENTS, as_of=AS_OF, read_at=LATER, run_id="r")
    assert known(lake, LATER + timedelta(days=1)) == ids(*range(9))

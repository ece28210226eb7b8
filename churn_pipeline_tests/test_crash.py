"""The short form of benchmarks/crash.py: killed where it hurts most, and the database server once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crash import (
    SMALL,
    Reader,
    Reference,
    data_directory,
    differences,
    kill_server,
    server,
    start,
    tables,
    undisturbed,
)
from churn_pipeline.adapters.postgres import connect

pytestmark = pytest.mark.slow
QUICK = {**SMALL, "CHURN_SUITE_SAMPLE_ROWS": "0"}
"""Without Great Expectations, which takes as long to load as everything else together, and writes nothing but pages."""
BLOCKED = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%scores%'"


def test_a_run_that_is_killed_leaves_what_the_next_one_makes_whole() -> None:
    with data_directory() as data_dir:
        reference = undisturbed(data_dir, QUICK)
    assert reference.tables["model_promotions"], "no promotion is among what is killed"
    with data_directory() as data_dir, Reader(data_dir).reading() as reader:
        _killed_while_it_reads(data_dir)
        _server_killed_while_it_trains(data_dir)
        _killed_between_promotion_and_scores(data_dir)
        _killed_in_the_middle_of_writing_scores(data_dir, reference)
        run = start(data_dir, QUICK)
        assert run.ended() == 0, run.said()
        assert differences(reference.tables, tables(data_dir)) == []
    assert reader.wrong(reference.scored) == []
    assert reader.seen, "the reader never saw a row"


def test_a_difference_between_tables_is_told() -> None:
    row = (("trial_id", "t1"), ("conversion_probability", 0.5))
    other = (("trial_id", "t1"), ("conversion_probability", 0.6))
    assert differences({"scores": [row]}, {"scores": [row]}) == []
    assert "0.6" in differences({"scores": [row]}, {"scores": [other]})[0]
    assert "too many or too few" in differences({"scores": [row]}, {"scores": [row, row]})[0]


def test_a_reader_that_saw_half_a_day_says_so() -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    assert Reader(Path(), {day: {(67, 1)}}).wrong(67) == []
    assert len(Reader(Path(), {day: {(67, 1), (30, 1), (67, 2)}}).wrong(67)) == 2


def _killed_while_it_reads(data_dir: Path) -> None:
    run = start(data_dir, QUICK)
    run.wait_for("demo_source")
    run.kill()


def _server_killed_while_it_trains(data_dir: Path) -> None:
    run = start(data_dir, QUICK)
    run.wait_for("training_set")
    time.sleep(1)
    assert kill_server(data_dir)
    assert run.ended() == 1, run.said()
    assert "the database server went away while everything was under way" in run.said()
    assert not run.finished("challenger"), "it had trained already"


def _killed_between_promotion_and_scores(data_dir: Path) -> None:
    run = start(data_dir, QUICK)
    run.wait_for("champion")
    run.kill()
    assert "scores" not in run.said()


def _killed_in_the_middle_of_writing_scores(data_dir: Path, reference: Reference) -> None:
    with _one_score_held_back(data_dir, reference) as writing:
        run = start(data_dir, QUICK, "score", "--as-of", f"{_day(reference):%Y-%m-%d}")
        until = time.monotonic() + 120
        while not writing():
            assert run.process.poll() is None, run.said()
            assert time.monotonic() < until, "the scores were never written"
            time.sleep(0.05)
        run.kill()


@contextmanager
def _one_score_held_back(data_dir: Path, reference: Reference) -> Iterator[Any]:
    """Hold the key of one score in a transaction of our own: the run's COPY gets as far as that row, and waits for us.

    Gives a function that says whether it does.
    """
    scores = reference.tables["scores"]
    row = dict(scores[len(scores) // 2]) | {"run_id": "held", "scored_at": datetime.now(UTC)}
    url = server(data_dir).url("churn_demo")
    with closing(connect(url)) as holding, closing(connect(url)) as looking:
        looking.autocommit = True
        with holding.cursor() as cursor, looking.cursor() as look:
            columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
            cursor.execute(f"insert into analytics.scores ({columns}) values ({places})", list(row.values()))

            def writing() -> bool:
                look.execute(BLOCKED)
                found = look.fetchone()
                return found is not None and found[0] > 0

            yield writing
        holding.rollback()


def _day(reference: Reference) -> datetime:
    day = dict(reference.tables["scores"][0])["as_of"]
    assert isinstance(day, datetime)
    return day

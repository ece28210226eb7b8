from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_pipeline.adapters.sources import Source, open_source
from churn_pipeline.capabilities.ingestion.description import SourceDescription, beside, describe_source, newest_known
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.settings import PROJECT
from churn_pipeline_tests.batches import (
    READ_AT,
    clean_source,
    empty_lake,
    event,
    subscription,
    take_in,
    trial,
    write_csv,
)

pytestmark = pytest.mark.flow

MAPPINGS = PROJECT / "data" / "mappings"


def real(name: str) -> Source:
    folder = os.environ.get("CHURN_REALDATA")
    if not folder:
        pytest.skip(f"CHURN_REALDATA names no folder with the real set {name}: this is not tested")
    return open_source(Path(folder) / name, MAPPINGS / f"{name}.yaml")


def described(source: Source, folder: Path) -> SourceDescription:
    """What is found in a source, by a look beside an empty lake."""
    with beside(empty_lake(folder)) as lake:
        return describe_source(lake, source, read_at=READ_AT)


def test_a_description_says_what_was_found_and_what_is_absent(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "notes.txt").write_text("hello")
    found = described(source, tmp_path)
    trials, events, *_ = found.tables
    assert (trials.rows, trials.good, trials.first) == (40, 40, datetime(2024, 5, 1, 8, tzinfo=UTC))
    assert events.last == datetime(2024, 5, 20, 10, 1, tzinfo=UTC)
    assert "user_id" in events.absent
    assert found.unused == ("notes.txt",)
    assert found.problems == ()


def test_it_is_told_how_many_converted_and_doubted_where_most_did_on_their_first_day(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    told = described(source, tmp_path / "a").outcomes
    assert (told.trials, told.at_once) == (40, 0)
    assert 0 < told.converted < 40
    assert str(told) == f"{told.converted} of 40 trials converted, 0 of them on the day they began"
    at_once = [subscription(n) | {"started_at": trial(n)["started_at"]} for n in range(10)]
    write_csv(source.folder / "subscriptions.csv", at_once)
    assert str(described(source, tmp_path / "b").outcomes) == (
        "10 of 40 trials converted, 10 of them on the day they began: is subscriptions.started_at when they converted, or when their trial began?"
    )


def test_a_look_knows_what_has_landed_and_writes_nothing_there(tmp_path: Path) -> None:
    lake, source = empty_lake(tmp_path), clean_source(tmp_path / "source")
    take_in(lake, source)
    before = {path: path.stat().st_mtime_ns for path in lake.root.rglob("*")}
    write_csv(source.folder / "trials.csv", [trial(n, trial_days=30) for n in range(40)])
    with beside(lake) as look:
        problems = describe_source(look, source, read_at=READ_AT).problems
    assert any("trials: 40 of 40 rows break conflicts_with_known, first: trials.csv line 2" in p for p in problems)
    assert {path: path.stat().st_mtime_ns for path in lake.root.rglob("*")} == before
    assert not look.root.exists()


def test_a_table_without_which_nothing_is_learnt_is_told_with_what_to_do(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "subscriptions.csv").unlink()
    (problem,) = described(source, tmp_path).problems
    assert problem.startswith("subscriptions: not found; without it nothing can be learnt")
    assert "do: add subscriptions.csv" in problem


def test_bad_rows_are_counted_by_rule_with_the_first_example_and_what_to_do(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "trials.csv", [*(trial(n) for n in range(40)), trial(41, trial_days=0)])
    assert described(source, tmp_path).problems == (
        "trials: 1 of 41 rows break out_of_bounds_trial_days, first: trials.csv line 42 (0)\n"
        "  allowed: 1 to 365 days\n  do: fix the value, or map it to an allowed one (`sql`)",
    )


def test_a_value_that_does_not_match_the_format_of_the_mapping_is_told_so(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(n, occurred_at="01/05/2024", received_at="") for n in range(40)])
    mapping = tmp_path / "acme.yaml"
    mapping.write_text(
        'tables: {events: {from: events.csv, columns: {occurred_at: {column: occurred_at, format: "%Y/%m"}}}}'
    )
    (problem,) = described(open_source(source.folder, mapping), tmp_path).problems
    assert "first: events.csv line 2 (01/05/2024)" in problem
    assert "does not match your format" in problem
    assert "`%Y/%m`" in problem


def test_personal_values_are_not_shown(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "events.csv", [event(n, properties="secret") for n in range(40)])
    (problem,) = described(source, tmp_path).problems
    assert "wrong_type_properties" in problem
    assert "secret" not in problem


def test_the_newest_known_record_is_a_good_one_and_not_after_now(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    more = [event(41, trial_id="t1", occurred_at="2031-01-01"), event(42, occurred_at="2024-05-30", value="many")]
    write_csv(source.folder / "events.csv", [*(event(n) for n in range(40)), *more])
    assert newest_known(empty_lake(tmp_path), source, now=READ_AT) == datetime(2024, 5, 25, tzinfo=UTC)


def test_an_empty_source_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    assert newest_known(empty_lake(tmp_path), Source(tmp_path / "source"), now=READ_AT) is None


@pytest.mark.slow
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

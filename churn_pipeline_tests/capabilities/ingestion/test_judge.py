from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.sources import Source, open_source
from churn_pipeline.capabilities.ingestion.judge import judged_columns
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.batches import clean_source, empty_lake, event, stage, staged_rows, take_in, trial, write_csv

pytestmark = pytest.mark.flow

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
TABLES = (TRIALS, EVENTS, SUBSCRIPTIONS)
moments = st.integers(0, 12).map(lambda step: (BEGIN + timedelta(hours=12 * step)).isoformat())
maybe = st.one_of(st.just(""), moments)
trials = st.fixed_dictionaries(
    {
        "trial_id": st.sampled_from(["t1", "t2"]),
        "account_id": st.sampled_from(["a", "a", "b"]),
        "started_at": moments,
        "trial_days": st.sampled_from([14, 14, 400]),
        "updated_at": maybe,
    }
)
events = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["e1", "e2", "e3"]),
        "trial_id": st.sampled_from(["t1", "t1", "t2", "t3"]),
        "occurred_at": moments,
        "received_at": maybe,
        "event_name": st.sampled_from(["login", "login", ""]),
    }
)
subscriptions = st.fixed_dictionaries(
    {
        "subscription_id": st.sampled_from(["s1", "s2"]),
        "trial_id": st.sampled_from(["t1", "t2"]),
        "started_at": moments,
        "mrr": st.sampled_from(["10", "20", "-1"]),
        "updated_at": maybe,
    }
)
small: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "trials": st.lists(trials, max_size=4),
        "events": st.lists(events, max_size=8),
        "subscriptions": st.lists(subscriptions, max_size=4),
    }
)
World = dict[str, list[dict[str, Any]]]


def side_by_side(smalls: list[World]) -> World:
    """Several worlds that share no id, so that one pass through the files judges many cases."""
    return {
        name: [
            {c: f"{place}-{v}" if c.endswith("_id") else v for c, v in row.items()}
            for place, world in enumerate(smalls)
            for row in world[name]
        ]
        for name in ("trials", "events", "subscriptions")
    }


worlds = st.lists(small, min_size=12, max_size=12).map(side_by_side)
Content = tuple[Any, ...]


def kept(world: World) -> dict[str, list[tuple[datetime, Content]]]:
    """The good rows of each table, with the moment at which they became known."""
    with tempfile.TemporaryDirectory() as folder:
        source = Source(Path(folder))
        for name, rows in world.items():
            write_csv(source.folder / f"{name}.csv", rows, _columns(name))
        lake = empty_lake(source.folder)
        stage(lake, source, TABLES)
        return {t.name: sorted(_good(t, staged_rows(lake, t)), key=repr) for t in TABLES}


def _columns(name: str) -> list[str]:
    given: dict[str, list[str]] = {
        "trials": ["trial_id", "account_id", "started_at", "trial_days", "updated_at"],
        "events": ["event_id", "trial_id", "occurred_at", "received_at", "event_name"],
        "subscriptions": ["subscription_id", "trial_id", "started_at", "mrr", "updated_at"],
    }
    return given[name]


def _good(table: Table, rows: list[dict[str, Any]]) -> list[tuple[datetime, Content]]:
    return [
        (max(row[c] for c in table.known_at if row[c] is not None), tuple(row[c] for c in table.names))
        for row in rows
        if row["_broken"] is None and not row["_copy"]
    ]


def known_before(table: str, row: dict[str, Any], day: datetime) -> bool:
    """Whether a row of a file was known before an instant, by the contract."""
    columns = {"trials": ["started_at"], "events": ["occurred_at", "received_at"], "subscriptions": ["started_at"]}
    return max(datetime.fromisoformat(row[c]) for c in columns[table] if row[c]) < day


@pytest.mark.flow
@settings(max_examples=12, deadline=None)
@given(world=worlds, step=st.integers(3, 11))
def test_what_is_kept_of_the_past_does_not_depend_on_what_becomes_known_later(world: World, step: int) -> None:
    day = BEGIN + timedelta(hours=12 * step)
    cut = {name: [row for row in rows if known_before(name, row, day)] for name, rows in world.items()}
    whole = kept(world)
    assert kept(cut) == {name: [good for good in rows if good[0] < day] for name, rows in whole.items()}


@pytest.mark.flow
@settings(max_examples=6, deadline=None)
@given(world=worlds, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_that_is_kept(world: World, order: Any) -> None:
    shuffled = {name: order.sample(rows, len(rows)) for name, rows in world.items()}
    assert kept(shuffled) == kept(world)


def test_of_two_contents_of_one_key_the_first_known_is_kept() -> None:
    early = {"event_id": "e1", "trial_id": "t1", "occurred_at": "2024-05-03", "received_at": "", "event_name": "early"}
    late = early | {"received_at": "2024-05-04", "event_name": "late"}
    start = {"trial_id": "t1", "account_id": "a", "started_at": "2024-05-01", "trial_days": 14, "updated_at": ""}
    for rows in ([early, late], [late, early]):
        ((_, row),) = kept({"trials": [start], "events": rows, "subscriptions": []})["events"]
        assert row[EVENTS.names.index("event_name")] == "early"


def test_every_rule_that_a_row_breaks_is_listed_and_the_first_counts(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "trials.csv", [trial(1, account_id="", trial_days=0, country="Germany")])
    lake = empty_lake(tmp_path)
    stage(lake, source, [TRIALS])
    (row,) = staged_rows(lake, TRIALS)
    assert row["_broken"] == ["null_account_id", "out_of_bounds_trial_days", "out_of_bounds_country"]


def test_a_judged_row_carries_where_it_was_read() -> None:
    assert judged_columns(TRIALS).startswith("_row, _file, _line, _raw, _wrong, _misread, _broken, _copy")


def test_a_row_is_kept_as_it_was_read_where_it_broke_a_rule_and_only_there(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source", trials=3)
    good, bad, twin = event(0), event(1, occurred_at="soon"), event(2)
    write_csv(source.folder / "events.csv", [good, bad, good, twin, twin | {"event_name": "other"}])
    lake = empty_lake(tmp_path)
    stage(lake, source, [TRIALS, EVENTS])
    found = [
        (row["event_id"], row["_broken"], row["_copy"], json.loads(row["_raw"] or "{}").get("event_name"))
        for row in staged_rows(lake, EVENTS)
    ]
    assert sorted(found, key=str) == [
        (good["event_id"], None, False, None),
        (good["event_id"], None, True, None),
        (bad["event_id"], ["wrong_type_occurred_at"], False, bad["event_name"]),
        (twin["event_id"], None, False, None),
        (twin["event_id"], ["duplicate_key"], False, "other"),
    ]


def test_a_bad_line_of_a_file_that_a_select_names_twice_is_there_twice(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source", trials=3)
    write_csv(source.folder / "events.csv", [event(0), event(1)])
    with (source.folder / "events.csv").open("a") as file:
        file.write('"broken\n')
    mapping = tmp_path / "acme.yaml"
    mapping.write_text(
        "files:\n  clicks:\n    from: events.csv\n  again:\n    from: events.csv\n"
        "tables:\n  trials:\n    from: trials.csv\n"
        "  events:\n    select: select clicks.* from clicks semi join again using (event_id)\n"
    )
    lake = empty_lake(tmp_path)
    stage(lake, open_source(source.folder, mapping), [TRIALS, EVENTS])
    rows = staged_rows(lake, EVENTS)
    assert [row["_raw"] is not None for row in rows if row["_broken"]] == [True, True]
    assert len(rows) == 4


def test_a_column_that_a_source_adds_later_makes_no_conflict_with_what_has_landed(tmp_path: Path) -> None:
    source, lake = clean_source(tmp_path / "source", trials=3), empty_lake(tmp_path)
    take_in(lake, source, TABLES)
    write_csv(source.folder / "events.csv", [event(n, browser="firefox") for n in range(4)])
    write_csv(source.folder / "trials.csv", [trial(n) for n in range(4)])
    events = take_in(lake, source, TABLES)["events"]
    assert (events.kept, events.quarantined, events.new) == (4, 0, 1)

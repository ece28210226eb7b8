from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from churn_pipeline.capabilities.validation.suite import (
    ValidationFaultError,
    allowed_in_sample,
    outcome,
    run_suite,
    sample,
    suite,
)
from churn_pipeline.contracts.raw import ASSIGNMENTS, EVENTS, RAW_TABLES, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Column, Integer, Table, Text
from churn_pipeline_tests.batches import AS_OF, clean_source, empty_lake, stage, trial, write_csv

# Great Expectations takes seconds to import
pytestmark = pytest.mark.flow

MADE_UP = Table(
    "parrots",
    "A parrot.",
    key=("name",),
    columns=(
        Column("name", Text(low=1, high=9), "Its name."),
        Column("age", Integer(0, 99), "Its age.", null=True, absent="not known"),
    ),
)


def frame(folder: Path, rows: list[dict[str, Any]], at_most: int = 1_000) -> Any:
    source = clean_source(folder / "source")
    write_csv(source.folder / "trials.csv", rows)
    lake = empty_lake(folder)
    stage(lake, source, [TRIALS])
    with lake.engine.connection() as connection:
        connection.execute(f"create view staged as {lake.rows('staged_trials', AS_OF)}")
        return sample(connection, TRIALS, "staged", given=tuple(rows[0]), rows=at_most)


def test_the_suite_of_a_made_up_table_follows_from_its_declaration() -> None:
    rules = [e.meta["rule"] for e in suite(MADE_UP, max_bad_share=0.1).expectations if e.meta]
    assert rules == [
        "missing_column_name",
        "missing_key",
        "wrong_type_name",
        "out_of_bounds_name",
        "wrong_type_age",
        "out_of_bounds_age",
        "duplicate_key",
    ]


@pytest.mark.parametrize("table", RAW_TABLES)
def test_every_raw_table_has_a_suite(table: Table) -> None:
    assert len(suite(table, max_bad_share=0.2).expectations) > len(table.columns)


def test_versioned_and_two_column_keys_are_unique_together() -> None:
    for table, columns in (
        (SUBSCRIPTIONS, ["subscription_id", "updated_at"]),
        (ASSIGNMENTS, ["experiment_id", "trial_id"]),
    ):
        assert [e.column_list for e in suite(table, max_bad_share=0.2).expectations if hasattr(e, "column_list")] == [
            columns
        ]
    assert any(getattr(e, "column_A", "") == "received_at" for e in suite(EVENTS, max_bad_share=0.2).expectations)


def test_unmet_expectations_are_told_by_rule_and_column(tmp_path: Path) -> None:
    rows = [trial(n, trial_days=400 if n % 2 else 14, country="Germany" if n % 3 else "DE") for n in range(30)]
    found = run_suite(TRIALS, frame(tmp_path, rows), max_bad_share=0.2)
    assert {(u.rule, round(u.share, 2)) for u in found.unmet} == {
        ("out_of_bounds_trial_days", 0.5),
        ("out_of_bounds_country", 0.67),
    }


def test_a_column_that_is_not_there_is_the_one_thing_told_of_it(tmp_path: Path) -> None:
    rows = [{k: v for k, v in trial(n).items() if k != "account_id"} for n in range(5)]
    found = run_suite(TRIALS, frame(tmp_path, rows), max_bad_share=1)
    assert [(u.rule, u.share) for u in found.unmet] == [("missing_column_account_id", 1.0)]


def test_the_sample_is_scattered_and_the_same_every_time(tmp_path: Path) -> None:
    """So that what comes every so many rows is neither missed nor all that is seen."""
    rows = [trial(n, plan="bad" if n % 8 == 0 else "good") for n in range(400)]
    looked, again = (frame(tmp_path / str(n), rows, at_most=100) for n in range(2))
    assert list(looked["trial_id"]) == list(again["trial_id"])
    assert 70 <= len(looked) <= 130
    assert 0.05 <= (looked["plan"] == "bad").mean() <= 0.25


def test_a_batch_that_the_exact_count_accepts_is_not_refused_on_a_sample() -> None:
    allowed = allowed_in_sample(0.2, sampled=100, rows=9_000)
    assert 0.3 < allowed < 0.4
    assert allowed_in_sample(0.2, sampled=9_000, rows=9_000) == 0.2
    rng = np.random.default_rng(5)
    shares = rng.binomial(100, 0.2, size=20_000) / 100
    assert (shares > allowed).mean() < 2e-4


def test_a_fault_inside_great_expectations_is_no_verdict_on_the_data() -> None:
    config = SimpleNamespace(type="expect_column_to_exist", meta={"rule": "r", "of": "c"}, kwargs={})
    flat = {"raised_exception": True, "exception_message": "no disk"}
    for information in (flat, {"metric": flat}):
        broken = SimpleNamespace(success=False, exception_info=information, expectation_config=config, result={})
        with pytest.raises(ValidationFaultError, match="no disk"):
            outcome([broken], rows=1)

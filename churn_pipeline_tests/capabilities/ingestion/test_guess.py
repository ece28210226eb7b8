from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from churn_pipeline.capabilities.ingestion.guess import Profile, guess
from churn_pipeline.capabilities.ingestion.profile import profiles, tables_of_folder
from churn_pipeline_tests.unknown import TRUTH, write_unknown


@pytest.mark.parametrize("source", TRUTH)
def test_three_renamed_tables_get_the_right_mapping_of_every_required_column(source: str, tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    guesses = guess(profiles(connection, tables_of_folder(connection, write_unknown(source, tmp_path / "source"))))
    found = {
        one.table.name: (
            one.of,
            {c.column: c.taken.column for c in one.choices if c.taken and c.column in TRUTH[source][one.table.name][1]},
        )
        for one in guesses
    }
    assert found == TRUTH[source]


def test_nothing_known_gives_nothing_and_says_so() -> None:
    for one in guess([]):
        assert (one.of, one.choices, one.because) == ("", (), "no table of the source looks like it")


def test_what_no_column_says_is_made_up_and_marked_as_unsure() -> None:
    moments = {"instant": 1.0}
    columns = [
        Profile("signups", "signup_id", 1.0, 1.0, 9, {}, {}),
        Profile("signups", "started_at", 1.0, 0.5, 9, moments, {}),
        Profile("usage", "signup_id", 1.0, 0.5, 9, {}, {"signups.signup_id": 1.0}),
        Profile("usage", "event_name", 1.0, 0.5, 9, {}, {}),
        Profile("usage", "timestamp", 1.0, 0.5, 9, moments, {}),
    ]
    trials, events, _ = guess(columns)
    chosen = {choice.column: choice for one in (trials, events) for choice in one.choices}
    assert (chosen["trial_days"].constant, chosen["trial_days"].unsure) == (14, True)
    assert (chosen["event_id"].derived, chosen["event_id"].unsure) == (
        '"signup_id" || \'/\' || "event_name" || \'/\' || "timestamp"',
        True,
    )

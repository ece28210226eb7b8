"""What the queries answer is tested on landed records, in `test_lake.py`; here is how they read."""

from __future__ import annotations

from datetime import UTC, date, datetime

from churn_pipeline.adapters.records import day_known, deleted_query, known_at, known_query, record_key, version_at
from churn_pipeline.contracts.raw import ASSIGNMENTS, EVENTS, TRIALS

DAY = datetime(2024, 5, 2, tzinfo=UTC)


def test_a_version_is_known_from_its_own_moment_and_the_record_from_its_first() -> None:
    assert known_at(TRIALS) == "coalesce(greatest(\"started_at\"), timestamptz '1970-01-01 00:00:00+00')"
    assert '"updated_at"' in version_at(TRIALS)
    assert day_known(TRIALS) == f"cast({version_at(TRIALS)} as date)"


def test_a_key_of_two_columns_is_joined_by_a_slash() -> None:
    assert record_key(ASSIGNMENTS) == 'landed."experiment_id"::varchar || \'/\' || landed."trial_id"::varchar'


def test_days_are_plain_dates_so_that_partitions_are_pruned() -> None:
    query = known_query(EVENTS, DAY, date(2024, 4, 1), date(2024, 5, 1))
    assert "day <= date '2024-05-02' and day >= date '2024-04-01' and day < date '2024-05-01'" in query
    assert "day >=" not in known_query(TRIALS, DAY, date(2024, 4, 1)), (
        "of a versioned record any day may hold the newest"
    )


def test_only_what_is_known_by_then_to_be_gone_counts_as_deleted() -> None:
    assert "known_at < timestamptz '2024-05-02T00:00:00+00:00'" in deleted_query(EVENTS, DAY)

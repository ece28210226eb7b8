from __future__ import annotations

from datetime import UTC, datetime, timedelta

from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.featurize.looks import landmark_looks, reached_query, running_looks
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, remembered

START = BEGIN + timedelta(hours=10)
WORLD = SmallWorld(
    trials=(
        {"trial_id": "short", "account_id": "a", "started_at": START, "trial_days": 3},
        {"trial_id": "long", "account_id": "b", "started_at": START + timedelta(days=2), "trial_days": 14},
    )
)
DAY = datetime(2024, 3, 11, tzinfo=UTC)


def asked(query: str) -> list[tuple[object, ...]]:
    with remembered(WORLD) as (lake, connection):
        lake.known(connection, RAW_TABLES, before=DAY)
        return sorted(connection.execute(query).fetchall())


def test_a_landmark_is_a_midnight_within_the_trial_and_not_after_the_day() -> None:
    looks = landmark_looks((7, 3, 1, 30, 3), sql_instant(DAY))
    assert looks.after == (0, 2, 6, 29)
    assert asked(looks.query) == [
        ("long", BEGIN + timedelta(days=3)),
        ("long", BEGIN + timedelta(days=5)),
        ("long", BEGIN + timedelta(days=9)),
        ("short", BEGIN + timedelta(days=1)),
        ("short", BEGIN + timedelta(days=3)),
    ]


def test_a_running_trial_is_looked_at_once() -> None:
    looks = running_looks(sql_instant(DAY))
    assert (looks.after, asked(looks.query)) == ((0,), [("long", DAY)])


def test_only_days_that_a_trial_reaches_are_asked_for_and_the_earliest_start_is_known() -> None:
    looks = landmark_looks((1, 3, 7, 30), sql_instant(DAY))
    first, second = START.date(), START.date() + timedelta(days=2)
    assert asked(reached_query(looks)) == [(0, first), (2, first), (6, second)]

"""That nothing else is read is tested on files, in `capabilities/features/test_landmarks.py`."""

from __future__ import annotations

import re
from datetime import date

import pytest

from churn_pipeline.contracts.raw import EVENTS, RAW_TABLES
from churn_pipeline.core.featurize.depends import DEPENDS_ON, Dependence
from churn_pipeline.core.featurize.looks import landmark_looks
from churn_pipeline.core.featurize.query import snapshots_query

PARTITIONS = {(date(2024, 5, day), bucket): f"{day}" for day in range(1, 6) for bucket in (0, 1)}


@pytest.mark.parametrize(
    ("dependence", "read"),
    [
        (Dependence(EVENTS), ["2024-05-02 1", "2024-05-03 1"]),
        (Dependence(EVENTS, days_before=None), ["2024-05-01 1", "2024-05-02 1", "2024-05-03 1"]),
        (Dependence(EVENTS, days_before=1), ["2024-05-01 1", "2024-05-02 1", "2024-05-03 1"]),
        (Dependence(EVENTS, of_all=True), ["2024-05-02 0", "2024-05-02 1", "2024-05-03 0", "2024-05-03 1"]),
    ],
)
def test_looks_read_what_is_declared_and_nothing_of_the_day_that_begins_with_the_last_of_them(
    dependence: Dependence, read: list[str]
) -> None:
    states = dependence.states(PARTITIONS, since=date(2024, 5, 2), until=date(2024, 5, 4), bucket=1)
    assert [state.rsplit(" ", 1)[0] for state in states] == [f"events {place}" for place in read]


def test_every_relation_of_records_that_the_query_names_is_declared() -> None:
    query = snapshots_query(landmark_looks((1,), "now()"))
    declared = {dependence.table.name for dependence in DEPENDS_ON}
    named = {table.name for table in RAW_TABLES if re.search(rf"\b(from|join) {table.name}(_history)?\b", query)}
    assert named == declared

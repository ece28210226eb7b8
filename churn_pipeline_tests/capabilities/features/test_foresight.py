"""Leaks are planted in `core/featurize/test_featurize.py`; here is what the comparison itself does, on files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from churn_pipeline.capabilities.features.foresight import Foresight, foresight
from churn_pipeline.core.featurize.looks import Looks
from churn_pipeline.core.featurize.query import snapshots_query
from churn_pipeline_tests.worlds import BEGIN, crowd, landed

pytestmark = pytest.mark.flow

THEN, NOW = [BEGIN + timedelta(days=days) for days in (15, 11)], BEGIN + timedelta(days=40)


def test_looks_of_a_lake_on_disk_are_what_they_were(tmp_path: Path) -> None:
    with landed(crowd(3), tmp_path, buckets=2) as (lake, connection):
        first, second = foresight(lake, connection, days=THEN, now=NOW, landmarks=(1, 3, 7, 14))
        (alone,) = foresight(lake, connection, days=THEN[1:], now=NOW, landmarks=(1, 3, 7, 14))
    assert first.differing == second.differing == {}
    assert min(first.looks, second.looks) > 0
    assert alone == second


def test_a_feature_that_differs_is_named_with_the_number_of_looks(tmp_path: Path) -> None:
    def compose(looks: Looks) -> str:
        return f"select * replace ((select count(*) from events) as events_total) from ({snapshots_query(looks)})"

    with landed(crowd(3), tmp_path) as (lake, connection):
        found = list(foresight(lake, connection, days=THEN, now=NOW, landmarks=(1, 3, 7, 14), compose=compose))
    assert [look.differing for look in found] == [{"events_total": look.looks} for look in found]
    assert all(look.looks for look in found)


def test_what_was_found_is_a_sentence() -> None:
    assert str(Foresight(1200, {})) == "no feature knows the future: 1,200 past looks are what they were"
    assert str(Foresight(1200, {"a": 3})) == "of 1,200 past looks some know what was not known then: a (3)"

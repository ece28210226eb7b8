from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from churn_pipeline.orchestration.days import DAYS, FIRST_DAY, as_of

pytestmark = pytest.mark.flow


def test_a_partition_is_the_midnight_at_which_its_day_begins() -> None:
    assert as_of(dg.build_asset_context(partition_key="2024-05-01")) == datetime(2024, 5, 1, tzinfo=UTC)


def test_the_midnight_that_comes_next_is_a_partition_and_the_one_after_it_is_none() -> None:
    now = datetime(2024, 5, 1, 10, tzinfo=UTC)
    keys = DAYS.get_partition_keys(current_time=now)
    assert (keys[0], keys[-1]) == (FIRST_DAY, f"{now + timedelta(days=1):%Y-%m-%d}")
    assert len(keys) == len(set(keys))

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.capabilities.scoring.fallback import UNKNOWN_BASE_RATE, base_rate, never_told, rules
from churn_pipeline.core.rules import RULES
from churn_pipeline_tests.batches import empty_lake
from churn_pipeline_tests.shops import SECOND, Shop
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, landed

pytestmark = pytest.mark.flow

TRIAL = {"trial_id": "t", "account_id": "a", "started_at": BEGIN, "trial_days": 14, "updated_at": BEGIN}


def world(**said: Any) -> SmallWorld:
    """One trial with one event, which says so much."""
    event = {"event_id": "e", "trial_id": "t", "occurred_at": BEGIN + timedelta(hours=1), "event_name": "login", **said}
    return SmallWorld(trials=(TRIAL,), events=(event,))


def test_the_base_rate_is_that_of_the_matured_trials_and_a_half_where_none_matured(shop: Shop, tmp_path: Path) -> None:
    labels = shop.lake.read("labels", SECOND)["converted"].to_pylist()
    assert base_rate(shop.lake, SECOND) == pytest.approx((sum(labels) + 1) / (len(labels) + 2))
    nobody = empty_lake(tmp_path)
    with nobody.engine.connection() as connection:
        nobody.write(connection, "labels", SECOND, "select true as converted where false")
    assert base_rate(nobody, SECOND) == UNKNOWN_BASE_RATE


def test_where_records_tell_everything_every_rule_speaks(shop: Shop) -> None:
    assert rules(shop.lake, SECOND).silent == frozenset()
    assert len(rules(shop.lake, SECOND).schema.features) == len(RULES)


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ({}, {"features_used", "users_total"}),
        ({"feature": "reports"}, {"users_total"}),
        ({"feature": "reports", "user_id": "u"}, set()),
    ],
)
def test_no_rule_speaks_of_what_the_records_never_tell(said: dict[str, Any], silent: set[str], tmp_path: Path) -> None:
    with landed(world(**said), tmp_path) as (lake, _):
        assert never_told(lake, BEGIN + timedelta(days=2)) == silent


def test_what_is_told_later_was_not_known_before(tmp_path: Path) -> None:
    with landed(world(feature="reports", received_at=BEGIN + timedelta(days=3)), tmp_path) as (lake, _):
        assert "features_used" in never_told(lake, BEGIN + timedelta(days=3))
        assert "features_used" not in never_told(lake, BEGIN + timedelta(days=3, seconds=1))

from __future__ import annotations

from datetime import timedelta

import pytest

from churn_pipeline.adapters.ledger import promote
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout.compare import compare_arms
from churn_pipeline_tests.capabilities.rollout.test_day import begin, carry_out, looked, rollout_ledger, say
from churn_pipeline_tests.shops import FIRST, NOW, SECOND, Shop

pytestmark = pytest.mark.flow


def test_the_day_on_which_a_rollout_ends_still_has_its_arms_and_the_next_has_none(
    shop: Shop, warehouse: Warehouse
) -> None:
    promote(
        "1", warehouse=warehouse, models=shop.models, from_as_of=FIRST, by="gate", verdict="better", decided_at=NOW, run_id="r"
    )  # fmt: skip
    warehouse.append(rollout_ledger(), begin("2", 0.1, SECOND - timedelta(days=29)))
    say(shop, warehouse, canary_knows=-2.0)
    assert "no trial any more" in carry_out(looked(shop, warehouse, rollout_max_distance=1.0), shop, warehouse)
    assert compare_arms(shop.lake, warehouse, as_of=SECOND) is not None
    assert compare_arms(shop.lake, warehouse, as_of=SECOND + timedelta(days=1)) is None

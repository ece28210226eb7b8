from __future__ import annotations

import pytest

from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.both import both_say
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline_tests.capabilities.scoring.test_day import crown, scored, try_out
from churn_pipeline_tests.shops import SECOND, Shop

pytestmark = pytest.mark.flow


def test_both_say_of_every_trial_what_each_would_show_and_the_arm_says_whose_is_shown(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse)
    assert both_say(shop.lake, warehouse, shop.models, as_of=SECOND, run_id="r").num_rows == 0
    champion = {row["trial_id"]: row["conversion_probability"] for row in scored(shop, warehouse).scores.to_pylist()}
    try_out(shop, warehouse)
    shown = {row["trial_id"]: row for row in scored(shop, warehouse).scores.to_pylist()}
    said = both_say(shop.lake, warehouse, shop.models, as_of=SECOND, run_id="r")
    warehouse.replace(ROLLOUT_SCORES, said, where={"as_of": SECOND})
    for row in warehouse.read("select * from rollout_scores").to_pylist():
        mine = shown[row["trial_id"]]
        assert (row["arm"], row[f"{row['arm']}_version"]) == (mine["scored_by"], mine["model_version"])
        assert row[f"{row['arm']}_probability"] == mine["conversion_probability"]
        assert row["champion_probability"] == champion[row["trial_id"]]
    assert set(said["trial_id"].to_pylist()) == set(shown)

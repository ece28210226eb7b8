from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.adapters.lake import LakeError
from churn_pipeline.adapters.ledger import promote
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.day import score_day, write_day
from churn_pipeline.capabilities.scoring.rebuild import RebuildError, Rebuilt, rebuild
from churn_pipeline.capabilities.scoring.score import Stamp
from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.core.log_odds import log_odds
from churn_pipeline_tests.shops import FIRST, NOW, SECOND, Shop, elsewhere

pytestmark = pytest.mark.flow


def scored(shop: Shop, warehouse: Warehouse, *, by_model: bool) -> list[str]:
    """The trials of the second day, scored by a model or by the rules."""
    if by_model:
        promote(
            "2", warehouse=warehouse, models=shop.models, from_as_of=SECOND, by="gate", verdict="better", decided_at=NOW,
            run_id="r",
        )  # fmt: skip
    stamp = Stamp("run-1", NOW, "f1")
    day = score_day(shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings, stamp=stamp)
    write_day(day, warehouse, as_of=SECOND)
    return list(day.scores["trial_id"].to_pylist())


def again(shop: Shop, warehouse: Warehouse, trial: str) -> Rebuilt:
    return rebuild(shop.lake, warehouse, shop.models, trial=trial, as_of=SECOND)


@pytest.mark.parametrize("by_model", [True, False], ids=["model", "rules"])
def test_every_score_comes_out_as_it_was_given_and_its_reasons_add_up(
    shop: Shop, warehouse: Warehouse, *, by_model: bool
) -> None:
    for trial in scored(shop, warehouse, by_model=by_model)[:12]:
        found = again(shop, warehouse, trial)
        assert found.differing == ()
        assert found.probability == pytest.approx(found.given, abs=1e-12)
        total = found.base_log_odds + sum(reason.push for reason in found.reasons)
        assert total == pytest.approx(float(log_odds(found.probability)), abs=1e-6)
        sizes = [abs(reason.push) for reason in found.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert (found.model_version == "2") is by_model


def test_a_row_that_was_changed_since_is_named_by_its_columns(shop: Shop, warehouse: Warehouse) -> None:
    trial, *_ = scored(shop, warehouse, by_model=True)
    rows = warehouse.read("select * from scores where trial_id = $1", [trial])
    changed = rows.set_column(
        rows.column_names.index("conversion_probability"), "conversion_probability", [[0.123]]
    ).cast(rows.schema)
    warehouse.replace(SCORES, changed, where={"as_of": SECOND})
    found = again(shop, warehouse, trial)
    assert found.differing == ("conversion_probability",)
    assert found.given == 0.123


def test_a_score_that_was_never_given_says_which_there_are(shop: Shop, warehouse: Warehouse) -> None:
    with pytest.raises(RebuildError, match="it has none at all"):
        again(shop, warehouse, "t_nobody")
    trial, *_ = scored(shop, warehouse, by_model=True)
    with pytest.raises(RebuildError, match="it has scores of 2026-10-01 to 2026-10-01"):
        rebuild(shop.lake, warehouse, shop.models, trial=trial, as_of=FIRST)


def test_of_a_trial_whose_outcome_was_known_it_says_that_models_learn_from_it(shop: Shop, warehouse: Warehouse) -> None:
    (learnt,) = shop.lake.read("labels", SECOND, select="min(trial_id) as trial").to_pylist()
    with pytest.raises(RebuildError, match="since its outcome was known by then: models learn from it; it has none"):
        again(shop, warehouse, learnt["trial"])


def test_where_the_snapshot_is_gone_it_is_said(shop: Shop, warehouse: Warehouse, tmp_path: Path) -> None:
    trial, other, *_ = scored(shop, warehouse, by_model=True)
    lake = elsewhere(shop, tmp_path)
    with pytest.raises(LakeError):
        rebuild(lake, warehouse, shop.models, trial=trial, as_of=SECOND)
    with lake.engine.connection() as connection:
        rows = shop.lake.rows("snapshots", SECOND)
        lake.write(connection, "snapshots", SECOND, f"select * from ({rows}) where trial_id <> '{trial}'")
    with pytest.raises(RebuildError, match="hold no trial"):
        rebuild(lake, warehouse, shop.models, trial=trial, as_of=SECOND)
    assert rebuild(lake, warehouse, shop.models, trial=other, as_of=SECOND).differing == ()

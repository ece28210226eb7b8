from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from churn_pipeline.adapters.ledger import end_trial, promote, put_on_trial, read_ledger
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout import day as rollout
from churn_pipeline.capabilities.rollout.compare import compare_arms, write_arms
from churn_pipeline.capabilities.rollout.day import Plan
from churn_pipeline.contracts.analytics import PREDICTION_ERRORS, SCORES
from churn_pipeline.contracts.production import ROLLOUT_SCORES
from churn_pipeline.core.arms import of_canary
from churn_pipeline.core.ledger import LedgerError, canary_on, production_on
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import FIRST, NOW, SECOND, Shop

pytestmark = pytest.mark.flow

BEGUN = SECOND - timedelta(days=29)


@pytest.fixture
def tried(shop: Shop, warehouse: Warehouse) -> Shop:
    """Champion 1, and model 1's successor on trial for four weeks (its version is said to be made before that)."""
    common: dict[str, Any] = {"warehouse": warehouse, "models": shop.models, "decided_at": NOW, "run_id": "r"}
    promote("1", from_as_of=FIRST, by="gate", verdict="better", **common)
    warehouse.append(rollout_ledger(), begin("2", 0.1, BEGUN))
    return shop


def rollout_ledger() -> Any:
    from churn_pipeline.contracts.production import MODEL_PROMOTIONS

    return MODEL_PROMOTIONS


def begin(version: str, share: float, day: datetime) -> Any:
    given = {
        "promotion_id": f"canary-{share}",
        "role": "canary",
        "model_version": version,
        "share": share,
        "by": "gate",
    }
    return rows(rollout_ledger(), {**given, "from_as_of": day, "decided_at": day})


def say(shop: Shop, warehouse: Warehouse, *, canary_knows: float, shift: float = 0.0) -> None:
    """Both have scored every trial on the two days before its label matured, and thirty that run still; the canary is off the truth by less, or by more."""
    labels = shop.lake.read("labels", SECOND).to_pylist()
    rng = np.random.default_rng(3)
    given = []
    for label in labels:
        noise = rng.normal(0, 0.15)
        truth = 0.65 if label["converted"] else 0.3
        for back in (1, 2):
            at = (label["matured_at"] - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
            champion, canary = (
                float(np.clip(truth + noise * wrong, 0.02, 0.98)) for wrong in (1.0, 1.0 - canary_knows)
            )
            given.append(
                {
                    "as_of": max(at, BEGUN),
                    "trial_id": label["trial_id"],
                    "arm": "canary" if of_canary([label["trial_id"]], canary="2", share=0.1)[0] else "champion",
                    "champion_probability": champion,
                    "canary_probability": min(1.0, canary + shift),
                }
            )
    yesterday = SECOND - timedelta(days=1)
    given += [{**row, "as_of": yesterday, "trial_id": f"running-{n}"} for n, row in enumerate(given[:30])]
    told = {(row["as_of"], row["trial_id"]): row for row in given if row["as_of"] < SECOND}
    warehouse.append(ROLLOUT_SCORES, rows(ROLLOUT_SCORES, *told.values(), champion_version="1", canary_version="2"))


def looked(shop: Shop, warehouse: Warehouse, **other: Any) -> Plan:
    settings = shop.settings.model_copy(update={"rollout_margin": 0.1, **other})
    verdict = rollout.look(shop.lake, warehouse, shop.models, as_of=SECOND, settings=settings)
    rollout.write_verdict(verdict, warehouse, as_of=SECOND, run_id="r")
    planned = rollout.plan(warehouse, as_of=SECOND, settings=settings)
    rollout.write_plan(planned, shop.lake, as_of=SECOND)
    assert rollout.read_plan(shop.lake, as_of=SECOND) == planned
    rollout.check_plan(planned, warehouse, as_of=SECOND)
    return planned


def carry_out(planned: Plan, shop: Shop, warehouse: Warehouse) -> str:
    return str(rollout.carry_out(planned, warehouse, shop.models, as_of=SECOND, decided_at=NOW, run_id="r"))


def test_where_no_rollout_goes_on_nothing_is_planned_nor_done(shop: Shop, warehouse: Warehouse) -> None:
    planned = looked(shop, warehouse)
    assert planned == Plan(None, None, None, "no rollout goes on")
    assert carry_out(planned, shop, warehouse) == "None"
    assert compare_arms(shop.lake, warehouse, as_of=SECOND) is None
    assert warehouse.read("select * from rollout_verdicts").num_rows == 0


def test_a_good_canary_goes_on_and_a_second_run_of_the_day_finds_and_does_the_same(
    tried: Shop, warehouse: Warehouse
) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse)
    assert (planned.canary, planned.share, planned.champion) == ("2", 0.5, "1")
    words = [carry_out(planned, tried, warehouse) for _ in range(2)]
    assert words[0] == "model 2 scores 50% of the trials from 2026-10-01 on, champion 1 the others"
    assert words[1].startswith("nothing has changed")
    before = warehouse.read("select * from rollout_verdicts").to_pylist()
    assert looked(tried, warehouse) == planned
    assert warehouse.read("select * from rollout_verdicts").to_pylist() == before
    canary = canary_on(read_ledger(warehouse), SECOND)
    assert canary is not None
    assert (canary.share, canary.since) == (0.5, BEGUN)


def test_after_the_last_step_the_canary_is_champion(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse, rollout_steps=(10,))
    assert planned.share == 1.0
    assert [carry_out(planned, tried, warehouse) for _ in range(2)] == [
        "model 2 is champion from 2026-10-01 on, in place of model 1",
        "model 2 is the champion already, on 2026-10-01",
    ]
    past = read_ledger(warehouse)
    assert (production_on(past, SECOND), canary_on(past, SECOND), past[-1].by) == ("2", None, "rollout")


def test_a_bad_canary_is_taken_out_of_production_by_itself(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=-2.0)
    planned = looked(tried, warehouse, rollout_max_distance=1.0)
    assert (planned.share, "worse for certain" in planned.verdict) == (0.0, True)
    assert [carry_out(planned, tried, warehouse) for _ in range(2)] == [
        "model 2 scores no trial any more from 2026-10-01 on, champion 1 scores all",
        "nothing has changed: model 2 scores no trial any more on 2026-10-01",
    ]
    assert tried.models.holder("canary") is None


def test_one_whose_scores_have_shifted_goes_back_and_one_that_failed_to_score_too(
    tried: Shop, warehouse: Warehouse
) -> None:
    say(tried, warehouse, canary_knows=0.6, shift=0.3)
    assert "apart from the champion's" in looked(tried, warehouse).verdict
    unreachable = rows(PREDICTION_ERRORS, {"subject": "canary, unreachable"}, as_of=SECOND - timedelta(days=2))
    warehouse.append(PREDICTION_ERRORS, unreachable)
    assert "failed to score" not in looked(tried, warehouse, rollout_max_distance=1.0).verdict
    failed = rows(PREDICTION_ERRORS, {"subject": "canary", "handled_by": "champion"}, as_of=SECOND - timedelta(days=2))
    warehouse.append(PREDICTION_ERRORS, failed)
    planned = looked(tried, warehouse, rollout_max_distance=1.0)
    assert planned.share == 0.0
    assert planned.verdict.startswith(
        "model 2 goes back to no trial at all: it failed to score on 1 day of this step; "
    )


def test_where_a_person_has_to_decide_it_only_says_what_it_would_do(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse, rollout_auto=False)
    assert planned.canary is None
    assert planned.verdict.startswith("model 2 goes on to 50% of the trials: ")
    assert planned.verdict.endswith("left to a person (churn model rollout)")


def test_a_plan_that_somebody_overtook_changes_nothing(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse)
    end_trial(
        warehouse=warehouse, models=tried.models, from_as_of=SECOND, by="person", verdict="no", decided_at=NOW, run_id="r"
    )  # fmt: skip
    with pytest.raises(LedgerError, match="by now champion is 1, on trial is nobody"):
        carry_out(planned, tried, warehouse)
    assert looked(tried, warehouse).verdict == "no rollout goes on"


def test_a_day_after_which_others_were_decided_stays_as_it_is(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    put_on_trial(
        "2", share=0.3, warehouse=warehouse, models=tried.models, from_as_of=SECOND + timedelta(days=1), by="person",
        verdict="sooner", decided_at=NOW, run_id="r",
    )  # fmt: skip
    planned = looked(tried, warehouse)
    assert planned.canary is None
    assert planned.verdict.endswith("but who scores later days was decided already")


def test_the_arms_are_written_by_day_with_what_became_of_their_trials(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    for _ in range(2):
        write_arms(compare_arms(tried.lake, warehouse, as_of=SECOND), warehouse, as_of=SECOND, run_id="r")
    champion, canary = warehouse.read("select * from rollout_arms order by arm desc").to_pylist()
    assert (champion["arm"], champion["scored_by"], canary["arm"], canary["scored_by"]) == (
        "champion",
        "1",
        "canary",
        "2",
    )
    scored = warehouse.read("select count(distinct trial_id) as n from rollout_scores").to_pylist()[0]["n"]
    assert champion["trials"] + canary["trials"] == scored
    assert 0 < canary["matured"] < champion["matured"]
    assert champion["difference"] == pytest.approx(canary["conversion"] - champion["conversion"])


def test_storage_that_does_not_answer_stops_neither_the_look_nor_the_step(
    tried: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse)

    def hiccup(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("churn_pipeline.adapters.bundle.load", hiccup)
    assert "cannot be read now" in carry_out(planned, tried, warehouse)
    again = looked(tried, warehouse)
    assert (
        again.canary,
        again.verdict.startswith("model 2 stays at 10% of the trials: its files cannot be read now"),
    ) == (
        None,
        True,
    )


def test_a_damaged_canary_goes_back(tried: Shop, warehouse: Warehouse) -> None:
    (path,) = {
        p for p in tried.models.folder.rglob("bundle/logistic.json") if tried.models.version("2").run_id in str(p)
    }
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    try:
        planned = looked(tried, warehouse)
        assert carry_out(planned, tried, warehouse).startswith("model 2 scores no trial any more")
    finally:
        path.write_bytes(whole)
    assert "it is damaged (" in planned.verdict


def test_what_a_person_decides_on_top_of_the_days_look_stands_when_the_day_is_run_again(
    tried: Shop, warehouse: Warehouse
) -> None:
    say(tried, warehouse, canary_knows=-2.0)
    carry_out(looked(tried, warehouse, rollout_max_distance=1.0), tried, warehouse)
    put_on_trial(
        "2", share=0.2, warehouse=warehouse, models=tried.models, from_as_of=SECOND, by="person", verdict="once more",
        decided_at=NOW + timedelta(hours=1), run_id="r",
    )  # fmt: skip
    planned = looked(tried, warehouse, rollout_max_distance=1.0)
    assert planned.verdict.startswith("model 2 stays at 20% of the trials")
    carry_out(planned, tried, warehouse)
    canary = canary_on(read_ledger(warehouse), SECOND)
    assert canary is not None
    assert (canary.share, canary.since) == (0.2, SECOND)


def test_where_a_person_takes_the_canary_off_its_trial_after_a_step_the_step_stays_on_record(
    tried: Shop, warehouse: Warehouse
) -> None:
    say(tried, warehouse, canary_knows=0.6)
    carry_out(looked(tried, warehouse), tried, warehouse)
    stepped = warehouse.read("select * from rollout_verdicts").to_pylist()
    end_trial(
        warehouse=warehouse, models=tried.models, from_as_of=SECOND, by="person", verdict="enough",
        decided_at=NOW + timedelta(hours=1), run_id="r",
    )  # fmt: skip
    planned = looked(tried, warehouse)
    assert planned.canary is None
    assert planned.verdict.endswith("; but a person has taken it off its trial since")
    carry_out(planned, tried, warehouse)
    assert warehouse.read("select * from rollout_verdicts").to_pylist() == stepped
    assert canary_on(read_ledger(warehouse), SECOND) is None


def test_a_step_whose_alias_has_to_wait_for_the_registry_is_told_as_done(
    tried: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(tried, warehouse, canary_knows=0.6)
    planned = looked(tried, warehouse)

    def hiccup(*_: object, **__: object) -> None:
        raise ModelStoreError("the registry does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(ModelStore, "set_role", hiccup)
        told = carry_out(planned, tried, warehouse)
    assert told == "done in the ledger, and in MLflow with the next run: the registry does not answer"
    canary = canary_on(read_ledger(warehouse), SECOND)
    assert canary is not None
    assert canary.share == 0.5


def test_a_second_look_that_would_decide_otherwise_leaves_the_first_as_it_was(
    tried: Shop, warehouse: Warehouse
) -> None:
    say(tried, warehouse, canary_knows=0.6)
    carry_out(looked(tried, warehouse), tried, warehouse)
    first = warehouse.read("select * from rollout_verdicts").to_pylist()
    failed = rows(PREDICTION_ERRORS, {"subject": "canary", "handled_by": "champion"}, as_of=SECOND - timedelta(days=2))
    warehouse.append(PREDICTION_ERRORS, failed)
    carry_out(looked(tried, warehouse), tried, warehouse)
    assert warehouse.read("select * from rollout_verdicts").to_pylist() == first
    canary = canary_on(read_ledger(warehouse), SECOND)
    assert canary is not None
    assert canary.share == 0.5


def test_a_day_after_which_others_were_scored_stays_as_it_is(tried: Shop, warehouse: Warehouse) -> None:
    say(tried, warehouse, canary_knows=0.6)
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "t"}, as_of=SECOND + timedelta(days=1)))
    planned = looked(tried, warehouse)
    assert planned.canary is None
    assert planned.verdict.endswith("but later days have been scored already")

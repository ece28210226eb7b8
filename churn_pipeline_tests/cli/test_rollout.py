from __future__ import annotations

import json

import pytest

from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli import model, rollout
from churn_pipeline.contracts.production import ROLLOUT_ARMS, ROLLOUT_VERDICTS
from churn_pipeline.core.ledger import LedgerError
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import SECOND, Shop

pytestmark = pytest.mark.flow


@pytest.fixture
def ours(shop: Shop, warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose tables are empty but for champion 1, and whose models are the shop's two."""
    monkeypatch.setattr(ModelStore, "of", lambda _: shop.models)
    model.promote_model(settings, "1", because="the first", as_of="2026-10-01")
    return settings


def test_a_rollout_goes_by_hand_from_start_to_champion(
    ours: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    rollout.start(ours, "2", because="agreed", share=None, as_of="2026-10-02")
    rollout.advance(ours, because="looks well", as_of="2026-10-05")
    rollout.advance(ours, because="still does", as_of="2026-10-09")
    assert capsys.readouterr().out.splitlines() == [
        "model 2 scores 10% of the trials from 2026-10-02 on, champion 1 the others",
        "model 2 scores 50% of the trials from 2026-10-05 on, champion 1 the others",
        "model 2 is champion from 2026-10-09 on, in place of model 1",
    ]
    last = warehouse.read("select by, verdict from model_promotions order by from_as_of desc limit 1").to_pylist()
    assert last == [{"by": "person", "verdict": "model 2 taken to 100% of the trials by hand: still does"}]
    with pytest.raises(LedgerError, match="no model is on trial on 2026-10-10"):
        rollout.advance(ours, because="more", as_of="2026-10-10")


def test_it_is_taken_back_by_its_own_command_and_by_that_for_any_change(
    ours: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, back in (("2026-10-02", rollout.abort), ("2026-10-03", model.roll_back)):
        rollout.start(ours, "2", because="agreed", share=20, as_of=day)
        capsys.readouterr()
        back(ours, because="odd reasons", as_of=day)
        assert capsys.readouterr().out == f"model 2 scores no trial any more from {day} on, champion 1 scores all\n"
    with pytest.raises(LedgerError, match="no model is on trial"):
        rollout.abort(ours, because="again", as_of="2026-10-03")


def test_the_status_says_who_is_on_trial_what_was_found_and_what_became_of_either_arm(
    ours: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    rollout.status(ours, as_of="2026-10-02", as_json=False)
    assert capsys.readouterr().out == "no model was ever on trial: churn model rollout start VERSION --because WHY\n"
    rollout.start(ours, "2", because="agreed", share=None, as_of="2026-10-02")
    warehouse.append(
        ROLLOUT_VERDICTS, rows(ROLLOUT_VERDICTS, {"model_version": "2", "verdict": "it waits"}, as_of=SECOND)
    )
    arms = ({"arm": "canary", "trials": 31}, {"arm": "champion", "trials": 270})
    warehouse.append(ROLLOUT_ARMS, rows(ROLLOUT_ARMS, *arms, model_version="2", as_of=SECOND))
    capsys.readouterr()
    rollout.status(ours, as_of="2026-10-04", as_json=False)
    told = capsys.readouterr().out
    assert told.startswith(
        "model 2 is on trial since 2026-10-02; it scores 10% of the trials since 2026-10-02\nlooked at on 2026-10-01: it waits\n"
    )
    assert told.index("270") < told.index("31")
    assert "put on trial by hand: agreed" in told
    rollout.status(ours, as_of="2026-10-04", as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["on_trial"] == {"share": 0.1, "step_from": "2026-10-02", "since": "2026-10-02"}
    assert [arm["trials"] for arm in facts["arms"]] == [270, 31]
    rollout.status(ours, as_of="2026-10-01", as_json=False)
    assert capsys.readouterr().out.startswith("no model is on trial on 2026-10-01; the last one was model 2\n")


def test_nobody_decides_while_a_run_writes(ours: Settings, warehouse: Warehouse) -> None:
    with warehouse.lock(WRITERS), pytest.raises(Busy):
        rollout.start(ours, "2", because="x", share=None, as_of="2026-10-02")

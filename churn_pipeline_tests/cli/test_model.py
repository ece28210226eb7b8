from __future__ import annotations

import json

import pytest

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Busy, Warehouse
from churn_pipeline.cli import model
from churn_pipeline.cli.run import RunFailed
from churn_pipeline.core.ledger import LedgerError
from churn_pipeline.orchestration.writers import LOCK
from churn_pipeline.settings import Settings
from churn_pipeline_tests.shops import Shop

pytestmark = pytest.mark.flow


@pytest.fixture
def ours(shop: Shop, warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose tables are empty and whose models are the shop's two."""
    monkeypatch.setattr(ModelStore, "of", lambda _: shop.models)
    return settings


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_models_are_listed_with_role_and_figures(
    ours: Settings, shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    model.promote_model(ours, "2", because="a test", as_of="2026-10-01")
    said(capsys)
    model.list_models(ours)
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in said(capsys).splitlines() if "│ logistic" in line
    ]
    assert [(row[0], row[1], row[2]) for row in rows] == [("1", "", "2026-09-01"), ("2", "champion", "2026-10-01")]
    assert float(rows[0][5]) == pytest.approx(shop.models.load("1").facts["test"]["overall"]["log_loss"], abs=1e-3)


def test_before_the_first_training_it_says_how_to_get_one(
    settings: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelStore, "versions", lambda _: ())
    model.list_models(settings)
    assert "churn run trains the first" in said(capsys)


def test_a_model_is_shown_as_json_with_every_verdict_on_it(ours: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    model.show_model(ours, "1")
    facts, _, table = said(capsys).partition("\n}\n")
    assert json.loads(facts + "}")["chosen"] == "logistic"
    assert "compared_with" in table


def test_a_person_promotes_and_goes_back_with_a_reason_in_the_ledger(
    ours: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    model.promote_model(ours, "1", because="the first", as_of="2026-09-01")
    model.promote_model(ours, "2", because="looks better", as_of="2026-10-01")
    model.promote_model(ours, "2", because="again", as_of="2026-10-02")
    model.roll_back(ours, because="too many alarms", as_of="2026-10-03")
    assert said(capsys).splitlines() == [
        "model 1 is champion now, in place of the rules",
        "model 2 is champion now, in place of model 1",
        "model 2 is the champion already",
        "model 1 is champion now, in place of model 2",
    ]
    found = warehouse.read('select model_version, "by", verdict, run_id from model_promotions order by from_as_of')
    assert [(r["model_version"], r["by"], r["verdict"]) for r in found.to_pylist()] == [
        ("1", "person", "model 1 promoted by hand: the first"),
        ("2", "person", "model 2 promoted by hand: looks better"),
        ("1", "rollback", "model 2 rolled back to model 1: too many alarms"),
    ]


def test_without_a_day_it_holds_from_today_on(ours: Settings, warehouse: Warehouse) -> None:
    model.promote_model(ours, "1", because="now", as_of=None)
    (row,) = warehouse.read(
        "select from_as_of = date_trunc('day', decided_at, 'UTC') as today from model_promotions"
    ).to_pylist()
    assert row["today"]


def test_there_is_nothing_to_go_back_to_before_the_second_champion(ours: Settings) -> None:
    with pytest.raises(LedgerError, match="no model to go back to"):
        model.roll_back(ours, because="x", as_of=None)


def test_what_is_no_day_is_told_and_while_a_run_writes_nobody_promotes(ours: Settings, warehouse: Warehouse) -> None:
    with pytest.raises(RunFailed, match="'tomorrow' is no day"):
        model.promote_model(ours, "1", because="x", as_of="tomorrow")
    with warehouse.lock(LOCK), pytest.raises(Busy):
        model.promote_model(ours, "1", because="x", as_of=None)
    assert warehouse.read("select * from model_promotions").num_rows == 0

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.scoring.day import score_day, write_day
from churn_pipeline.capabilities.scoring.score import Stamp
from churn_pipeline.cli import model, rollout
from churn_pipeline.cli.run import RunFailed
from churn_pipeline.contracts.analytics import SCORES
from churn_pipeline.contracts.production import MODEL_VERDICTS
from churn_pipeline.core.ledger import LedgerError
from churn_pipeline.settings import Settings
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import NOW, SECOND, Shop

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
    model.list_models(ours, as_json=False)
    told = said(capsys).splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told if "│ logistic" in line]
    assert told[-1].startswith(f"business: {ours.business}")
    assert [tuple(row[:4]) for row in rows] == [
        ("1", "", "unchanged", "2026-09-01"),
        ("2", "champion", "unchanged", "2026-10-01"),
    ]
    assert float(rows[0][6].split()[0]) == pytest.approx(
        shop.models.load("1").facts["test"]["overall"]["log_loss"], abs=1e-3
    )


def test_a_damaged_model_is_listed_as_such_and_never_put_into_production_by_hand(
    ours: Settings,
    shop: Shop,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    (path,) = {p for p in shop.models.folder.rglob("bundle/logistic.json") if shop.models.version("1").run_id in str(p)}
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    try:
        model.list_models(ours, as_json=False)
        with pytest.raises(BundleError, match=r"logistic\.json was changed"):
            model.promote_model(ours, "1", because="x", as_of=None)
    finally:
        path.write_bytes(whole)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said(capsys).splitlines() if "2026-" in line]
    assert [(row[0], *row[2:4]) for row in rows] == [("1", "damaged", "2026-09-01"), ("2", "unchanged", "2026-10-01")]
    assert warehouse.read("select * from model_promotions").num_rows == 0


def test_models_whose_files_cannot_be_read_now_are_listed_nevertheless(
    ours: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hiccup(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("churn_pipeline.adapters.bundle.read_facts", hiccup)
    model.list_models(ours, as_json=False)
    assert said(capsys).count("unreachable") == 2


def test_before_the_first_training_it_says_how_to_get_one(
    settings: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelStore, "versions", lambda _: ())
    model.list_models(settings, as_json=False)
    assert "churn run trains the first" in said(capsys)


def test_models_are_listed_for_machines_as_well(ours: Settings, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    model.list_models(ours, as_json=True)
    listed = json.loads(said(capsys))
    roles = [list(known.roles) for known in shop.models.versions()]
    assert [(found["version"], found["roles"], found["state"], found["chosen"]) for found in listed] == [
        ("1", roles[0], "unchanged", "logistic"),
        ("2", roles[1], "unchanged", "logistic"),
    ]
    overall = shop.models.load("2").facts["test"]["overall"]
    second = [listed[1][name] for name in ("trained_as_of", "auc", "log_loss", "base_log_loss", "note")]
    assert second == [
        "2026-10-01",
        overall["auc"]["mid"],
        overall["log_loss"],
        overall["base_log_loss"],
        shop.models.load("2").facts["note"],
    ]


def test_a_model_is_shown_in_words_and_as_json_with_every_verdict_on_it(
    ours: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    model.show_model(ours, "1", as_json=False)
    words = said(capsys)
    assert "Trained as of 2026-09-01 on" in words
    assert re.search(r"this model +│ \d\.\d{4} +│ \d\.\d{3} \(", words), words
    assert "no verdict on it yet" in words
    warehouse.append(MODEL_VERDICTS, rows(MODEL_VERDICTS, {"model_version": "1", "verdict": "better by a mile"}))
    model.show_model(ours, "1", as_json=False)
    assert "better by a mile" in said(capsys)
    model.show_model(ours, "1", as_json=True)
    facts = json.loads(said(capsys))
    assert facts["chosen"] == "logistic"
    assert [found["verdict"] for found in facts["verdicts"]] == ["better by a mile"]


def test_a_person_promotes_and_goes_back_with_a_reason_in_the_ledger(
    ours: Settings, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    model.promote_model(ours, "1", because="the first", as_of="2026-09-01")
    model.promote_model(ours, "2", because="looks better", as_of="2026-10-01")
    model.promote_model(ours, "2", because="again", as_of="2026-10-02")
    model.roll_back(ours, because="too many alarms", as_of="2026-10-03")
    assert said(capsys).splitlines() == [
        "model 1 is champion from 2026-09-01 on, in place of the rules",
        "model 2 is champion from 2026-10-01 on, in place of model 1",
        "model 2 is the champion already, on 2026-10-02",
        "model 1 is champion from 2026-10-03 on, in place of model 2",
    ]
    found = warehouse.read('select model_version, "by", verdict, run_id from model_promotions order by from_as_of')
    assert [(r["model_version"], r["by"], r["verdict"]) for r in found.to_pylist()] == [
        ("1", "person", "model 1 promoted by hand: the first"),
        ("2", "person", "model 2 promoted by hand: looks better"),
        ("1", "rollback", "model 2 rolled back to model 1: too many alarms"),
    ]


def test_without_a_day_it_holds_from_the_newest_scored_day_on(
    ours: Settings, shop: Shop, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = Stamp("r", NOW, "f1")
    day = score_day(shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings, stamp=stamp)
    write_day(day, warehouse, as_of=SECOND)
    model.promote_model(ours, "1", because="now", as_of=None)
    receipt, stands = said(capsys).splitlines()
    assert receipt == "model 1 is champion from 2026-10-01 on, in place of the rules"
    assert stands == "the scores of 2026-10-01 stand as they are until scored again: churn score --as-of 2026-10-01"
    model.promote_model(ours, "1", because="again", as_of=None)
    assert said(capsys) == "model 1 is the champion already, on 2026-10-01\n"
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "later"}, as_of=SECOND + timedelta(days=2)))
    rollout.start(ours, "2", because="agreed", share=None, as_of="2026-10-01")
    assert said(capsys).splitlines()[-2:] == [
        f"the scores of {day} stand as they are until scored again: churn score --as-of {day}"
        for day in ("2026-10-01", "2026-10-03")
    ]
    warehouse.append(SCORES, rows(SCORES, {"trial_id": "between"}, as_of=SECOND + timedelta(days=1)))
    rollout.abort(ours, because="enough", as_of="2026-10-01")
    assert said(capsys).endswith(
        "\nthe scores of 2026-10-01 to 2026-10-03 stand as they are until scored again: churn score --as-of 2026-10-01 --to 2026-10-03\n"
    )


def test_a_day_before_the_last_champions_first_is_refused(ours: Settings, warehouse: Warehouse) -> None:
    model.promote_model(ours, "1", because="the first", as_of="2026-10-08")
    with pytest.raises(LedgerError, match="model 1 is champion from 2026-10-08 on and would stay it"):
        model.promote_model(ours, "2", because="x", as_of="2026-10-07")
    with pytest.raises(LedgerError, match="--as-of 2026-10-08"):
        model.roll_back(ours, because="x", as_of="2026-10-07")
    assert warehouse.read("select * from model_promotions").num_rows == 1


def test_a_day_whose_future_the_model_has_learnt_from_is_refused(ours: Settings, warehouse: Warehouse) -> None:
    with pytest.raises(LedgerError, match="has learnt from what was known on 2026-10-01"):
        model.promote_model(ours, "2", because="x", as_of="2026-09-30")
    assert warehouse.read("select * from model_promotions").num_rows == 0


def test_without_a_day_and_before_the_first_scores_it_holds_from_today_on(ours: Settings, warehouse: Warehouse) -> None:
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
    with warehouse.lock(WRITERS), pytest.raises(Busy):
        model.promote_model(ours, "1", because="x", as_of=None)
    assert warehouse.read("select * from model_promotions").num_rows == 0


def test_a_model_is_trained_again_and_a_difference_ends_with_status_1(
    ours: Settings, shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lake, "of", lambda _: shop.lake)
    model.reproduce_model(ours, "2", as_json=False)
    assert "byte for byte" in said(capsys)
    monkeypatch.setattr("churn_pipeline.capabilities.training.reproduce.code_version", lambda: "another")
    with pytest.raises(SystemExit) as ended:
        model.reproduce_model(ours, "2", as_json=True)
    assert ended.value.code == 1
    assert json.loads(said(capsys))["same"] is False

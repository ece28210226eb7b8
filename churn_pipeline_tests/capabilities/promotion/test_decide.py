from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters.bundle import Bundle, BundleError
from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.adapters.ledger import Receipt, promote, read_ledger, rollback
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.promotion import decide
from churn_pipeline.capabilities.promotion.decide import Evaluation, Plan
from churn_pipeline.capabilities.promotion.show import note_verdict
from churn_pipeline.capabilities.training.train import Trained, write_challenger
from churn_pipeline.contracts.production import MODEL_PROMOTIONS, MODEL_VERDICTS
from churn_pipeline.core.ledger import LedgerError
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline_tests.rows import rows
from churn_pipeline_tests.shops import FIRST, NOW, SECOND, Shop, elsewhere

pytestmark = pytest.mark.flow


def evaluated(shop: Shop, warehouse: Warehouse, day: datetime, lake: Lake | None = None) -> Evaluation:
    evaluation = decide.evaluate(lake or shop.lake, warehouse, shop.models, as_of=day, settings=shop.settings)
    decide.write_verdict(evaluation, warehouse, as_of=day, run_id="r")
    return evaluation


def plan(shop: Shop, warehouse: Warehouse, day: datetime, lake: Lake | None = None, **other: Any) -> Plan:
    settings = shop.settings.model_copy(update=other)
    return decide.plan(lake or shop.lake, warehouse, shop.models, as_of=day, settings=settings)


def crown(shop: Shop, warehouse: Warehouse, version: str, *, day: datetime = FIRST) -> None:
    promote(
        version, warehouse=warehouse, models=shop.models, from_as_of=day, by="gate", verdict="better", decided_at=NOW,
        run_id="r",
    )  # fmt: skip


def test_the_first_model_is_compared_with_the_base_rate_and_takes_over_if_it_beats_it(
    shop: Shop, warehouse: Warehouse
) -> None:
    evaluation = evaluated(shop, warehouse, FIRST)
    verdict = evaluation.verdict
    assert verdict is not None
    assert (verdict.challenger, verdict.compared_with, verdict.promote) == ("1", "base rate", True)
    (row,) = warehouse.read("select * from model_verdicts").to_pylist()
    assert (row["verdict"], row["gain"], row["promote"]) == (str(verdict), verdict.gain.mid, True)
    assert decide.figures(evaluation)["gain in log loss"] == round(verdict.gain.mid, 4)

    planned = plan(shop, warehouse, FIRST)
    assert planned == Plan("1", None, str(verdict))
    carried = decide.carry_out(planned, warehouse, shop.models, as_of=FIRST, decided_at=NOW, run_id="r")
    assert carried == Receipt("1", None, FIRST, changed=True)
    assert decide.carry_out(planned, warehouse, shop.models, as_of=FIRST, decided_at=NOW, run_id="r") == Receipt(
        "1", None, FIRST, changed=False
    )
    assert [entry.verdict for entry in read_ledger(warehouse)] == [str(verdict)]


def test_judging_the_same_pair_again_gives_the_same_verdict_in_one_row(shop: Shop, warehouse: Warehouse) -> None:
    first, again = (evaluated(shop, warehouse, FIRST) for _ in range(2))
    assert first == again
    assert warehouse.read("select count(*) as n from model_verdicts").to_pylist() == [{"n": 1}]


def test_a_challenger_is_judged_only_on_trials_newer_than_what_either_model_was_made_from(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse, "1")
    verdict = evaluated(shop, warehouse, SECOND).verdict
    assert verdict is not None
    assert (verdict.challenger, verdict.compared_with) == ("2", "1")
    assert verdict.trials <= shop.models.load("2").facts["cohorts"]["test"]["trials"]
    planned = plan(shop, warehouse, SECOND)
    assert (planned.promote, planned.replaces) == (("2", "1") if verdict.promote else (None, None))
    assert planned.verdict == str(verdict)


def test_the_guard_rails_look_at_segments_calibration_reasons_and_time_and_a_slow_challenger_is_not_promoted(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse, "1")
    ticks = count(0, 0.5)
    evaluation = decide.evaluate(
        shop.lake, warehouse, shop.models, as_of=SECOND, settings=shop.settings, timer=lambda: float(next(ticks))
    )
    assert evaluation.verdict is not None
    assert evaluation.seen is not None
    assert evaluation.seen.rivals is not None
    assert {segment.attribute for segment in evaluation.seen.rivals.segments} >= {"plan", "channel"}
    assert evaluation.seen.rivals.reasons is not None
    assert 0 < evaluation.seen.rivals.reasons.alike < 1
    slow = "takes 500 ms of a processor for a score with its reasons; at most 100 ms are allowed (gate_max_latency_ms)"
    assert slow in evaluation.verdict.guards_broken
    assert slow in evaluation.verdict.against
    decide.write_verdict(evaluation, warehouse, as_of=SECOND, run_id="r")
    (row,) = warehouse.read("select promote, guards_broken from model_verdicts").to_pylist()
    assert not row["promote"]
    assert slow in row["guards_broken"]
    assert plan(shop, warehouse, SECOND).promote is None


def test_the_version_in_mlflow_says_what_it_is_and_what_the_gate_said_also_after_a_run_that_was_killed_before(
    shop: Shop, warehouse: Warehouse
) -> None:
    about = shop.models.version("2").description.split("\n\n## ")[0]
    overall = shop.models.load("2").facts["test"]["overall"]
    assert about.startswith("Trained as of 2026-10-01 on ")
    assert f"| this model | {overall['log_loss']:.4f} | {overall['auc']['mid']:.3f} (" in about
    assert f"| the base rate | {overall['base_log_loss']:.4f} | " in about
    crown(shop, warehouse, "1")
    evaluated(shop, warehouse, SECOND)  # and killed before it was noted
    for _ in range(2):
        evaluation = evaluated(shop, warehouse, SECOND)
        note_verdict(evaluation, shop.models, as_of=SECOND)
        verdict = evaluation.verdict
        assert verdict is not None
        told = shop.models.version("2").description
        assert told.startswith(f"{about}\n\n## What the gate said\n\nAs of 2026-10-01: {verdict}.")
        assert f"| champion 1 | {verdict.compared_log_loss:.4f} | {verdict.compared_auc:.3f} |" in told
        assert told.count("## ") == 1
    note_verdict(Evaluation(None, "no challenger"), shop.models, as_of=SECOND)
    assert shop.models.version("2").description == told


def test_a_verdict_against_an_older_champion_promotes_nobody(shop: Shop, warehouse: Warehouse) -> None:
    evaluated(shop, warehouse, SECOND)  # against the base rate
    crown(shop, warehouse, "1")
    assert plan(shop, warehouse, SECOND).promote is None


def test_a_model_that_was_rolled_back_is_not_promoted_again_until_a_person_does(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse, "1")
    evaluated(shop, warehouse, SECOND)
    crown(shop, warehouse, "2", day=SECOND)
    rollback(
        warehouse=warehouse,
        models=shop.models,
        from_as_of=SECOND,
        why="too many alarms",
        decided_at=NOW + timedelta(hours=1),
        run_id="r",
    )
    words = (
        "nothing changes: model 2 was rolled back on 2026-10-01 (model 2 rolled back to model 1: too many alarms); "
        "promote it by hand to bring it back"
    )
    assert evaluated(shop, warehouse, SECOND) == Evaluation(None, words)
    assert plan(shop, warehouse, SECOND) == Plan(None, None, words)


def test_a_champion_with_a_feature_that_is_gone_is_no_rival_and_the_verdict_says_so(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse, "1")
    gone = ModelFeature("luck", "number")
    load = ModelStore.load

    def with_luck(models: ModelStore, version: str) -> Bundle:
        bundle = load(models, version)
        if version == "2":
            return bundle
        schema = replace(bundle.scorer.schema, features=(*bundle.scorer.schema.features, gone))
        return replace(bundle, scorer=replace(bundle.scorer, schema=schema))

    monkeypatch.setattr(ModelStore, "load", with_luck)
    evaluation = evaluated(shop, warehouse, SECOND)
    assert evaluation.verdict is not None
    assert evaluation.verdict.compared_with == "base rate"
    assert evaluation.because.endswith("champion 1 has features that are no longer registered: luck")
    assert plan(shop, warehouse, SECOND).promote == "2"


def lose(warehouse: Warehouse, version: str = "99") -> None:
    """Let a model be champion that the registry does not have any more."""
    entry = {"promotion_id": f"lost-{version}", "role": "champion", "model_version": version, "replaced": "1"}
    at = {"by": "gate", "from_as_of": FIRST, "decided_at": NOW + timedelta(hours=1)}
    warehouse.append(MODEL_PROMOTIONS, rows(MODEL_PROMOTIONS, {**entry, **at}))


def test_where_the_champion_can_score_nothing_the_challenger_has_to_beat_who_steps_in_for_it(
    shop: Shop, warehouse: Warehouse
) -> None:
    crown(shop, warehouse, "1")
    whole = evaluated(shop, warehouse, SECOND).verdict
    assert whole is not None
    lose(warehouse)
    evaluation = evaluated(shop, warehouse, SECOND)
    remark = "champion 99 cannot be loaded; model 1 steps in for it"
    assert evaluation.verdict == replace(whole, remark=remark)
    assert evaluation.verdict.compared_with == "1"
    assert evaluation.because.endswith(remark)
    assert evaluation.seen is not None
    assert evaluation.seen.rivals is not None


@pytest.mark.parametrize("promotion", ["at_once", "gradual"])
def test_what_beats_only_the_base_rate_does_not_take_over_from_who_steps_in(
    shop: Shop, warehouse: Warehouse, promotion: str
) -> None:
    crown(shop, warehouse, "1")
    lose(warehouse)
    lost = {"model_version": "2", "compared_with": "1", "promote": False, "verdict": "worse than champion 1"}
    won = {"model_version": "2", "compared_with": "base rate", "promote": True, "verdict": "better than nothing"}
    verdicts = rows(MODEL_VERDICTS, lost, won, as_of=SECOND)
    warehouse.replace(MODEL_VERDICTS, verdicts, where={"as_of": SECOND})
    assert plan(shop, warehouse, SECOND, promotion=promotion) == Plan(None, None, "worse than champion 1")


@pytest.mark.parametrize("promotion", ["at_once", "gradual"])
def test_what_beats_who_steps_in_takes_the_place_of_the_champion_at_once_as_no_trial_beside_it_would_be_judged(
    shop: Shop, warehouse: Warehouse, promotion: str
) -> None:
    win(shop, warehouse)
    lose(warehouse)
    planned = plan(shop, warehouse, SECOND, promotion=promotion)
    assert planned == Plan("2", "99", "better")
    done = decide.carry_out(
        planned, warehouse, shop.models, as_of=SECOND, decided_at=NOW + timedelta(hours=2), run_id="r"
    )
    assert done == Receipt("2", "99", SECOND, changed=True)


def test_where_nobody_can_step_in_the_challenger_is_a_first_model(shop: Shop, warehouse: Warehouse) -> None:
    lose(warehouse, "98")
    lose(warehouse)
    evaluation = evaluated(shop, warehouse, SECOND)
    assert evaluation.verdict is not None
    assert evaluation.verdict.compared_with == "base rate"
    assert evaluation.because.endswith("champion 99 cannot be loaded")
    assert plan(shop, warehouse, SECOND, promotion="gradual").share is None


def test_a_challenger_that_steps_in_already_is_not_judged_against_itself(shop: Shop, warehouse: Warehouse) -> None:
    crown(shop, warehouse, "1")
    lose(warehouse)
    because = evaluated(shop, warehouse, FIRST).because
    assert because == "model 1 is what scores already: champion 99 cannot be loaded; model 1 steps in for it"
    assert plan(shop, warehouse, FIRST).promote is None


def test_a_champion_that_cannot_be_read_now_stops_the_decision(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(shop, warehouse, "1")

    def hiccup(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("churn_pipeline.adapters.bundle.load", hiccup)
    with pytest.raises(ModelStoreError, match="cannot be read now"):
        evaluated(shop, warehouse, SECOND)
    assert warehouse.read("select * from model_verdicts").num_rows == 0


def test_the_champion_itself_is_not_judged_again_and_nothing_is_written(shop: Shop, warehouse: Warehouse) -> None:
    crown(shop, warehouse, "1")
    evaluation = evaluated(shop, warehouse, FIRST)
    assert evaluation == Evaluation(None, "model 1 is the champion already")
    assert decide.figures(evaluation) == {}
    assert warehouse.read("select * from model_verdicts").num_rows == 0
    assert plan(shop, warehouse, FIRST).promote is None


def test_where_there_is_no_challenger_the_reason_is_handed_on(shop: Shop, warehouse: Warehouse, tmp_path: Path) -> None:
    lake = elsewhere(shop, tmp_path)
    write_challenger(lake, FIRST, Trained(None, "30 trials have matured"))
    assert evaluated(shop, warehouse, FIRST, lake).because == "no challenger: 30 trials have matured"
    assert plan(shop, warehouse, FIRST, lake) == Plan(
        None, None, "nothing changes: there is no verdict on another model"
    )


def test_a_plan_is_read_as_it_was_written(shop: Shop, tmp_path: Path) -> None:
    lake = elsewhere(shop, tmp_path)
    for planned in (Plan("2", "1", "it's better"), Plan(None, None, "not promoted: too few")):
        decide.write_plan(planned, lake, as_of=FIRST)
        assert decide.read_plan(lake, as_of=FIRST) == planned
    with pytest.raises(LakeError, match="no promotion_plan for 2026-10-01"):
        decide.read_plan(lake, as_of=SECOND)


def test_the_planned_model_is_checked_to_the_byte_before_anything_changes(shop: Shop) -> None:
    assert decide.check_plan(Plan(None, None, ""), shop.models) is None
    bundle = decide.check_plan(Plan("1", None, ""), shop.models)
    assert bundle is not None
    assert bundle.facts == shop.models.load("1").facts
    with pytest.raises(ModelStoreError, match="has no version 99"):
        decide.check_plan(Plan("99", None, ""), shop.models)
    (path,) = {p for p in shop.models.folder.rglob("bundle/logistic.json") if shop.models.version("1").run_id in str(p)}
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    try:
        with pytest.raises(BundleError, match=r"logistic\.json was changed"):
            decide.check_plan(Plan("1", None, ""), shop.models)
    finally:
        path.write_bytes(whole)


def test_a_plan_that_somebody_overtook_is_refused(shop: Shop, warehouse: Warehouse) -> None:
    planned = Plan("2", None, "log loss better")
    crown(shop, warehouse, "1")
    with pytest.raises(LedgerError, match="it was made while nobody was champion; model 1 is champion by now"):
        decide.carry_out(planned, warehouse, shop.models, as_of=SECOND, decided_at=NOW, run_id="r")
    assert [entry.model_version for entry in read_ledger(warehouse)] == ["1"]


def test_a_plan_that_changes_nothing_sets_right_an_alias_that_was_left_behind(shop: Shop, warehouse: Warehouse) -> None:
    crown(shop, warehouse, "1")
    shop.models.set_role("champion", "2")
    assert (
        decide.carry_out(Plan(None, None, "x"), warehouse, shop.models, as_of=FIRST, decided_at=NOW, run_id="r") is None
    )
    champion = shop.models.champion()
    assert champion is not None
    assert champion.version == "1"


def win(shop: Shop, warehouse: Warehouse) -> None:
    """Let model 2 have passed the gate against champion 1."""
    crown(shop, warehouse, "1")
    verdict = rows(
        MODEL_VERDICTS, {"model_version": "2", "compared_with": "1", "promote": True, "verdict": "better"}, as_of=SECOND
    )
    warehouse.replace(MODEL_VERDICTS, verdict, where={"as_of": SECOND})


def test_where_promotion_is_gradual_a_challenger_goes_on_trial_beside_the_champion(
    shop: Shop, warehouse: Warehouse
) -> None:
    win(shop, warehouse)
    assert plan(shop, warehouse, SECOND) == Plan("2", "1", "better")
    planned = plan(shop, warehouse, SECOND, promotion="gradual", rollout_steps=(20, 60))
    assert planned == Plan("2", "1", "better", 0.2)
    for _ in range(2):
        done = decide.carry_out(planned, warehouse, shop.models, as_of=SECOND, decided_at=NOW, run_id="r")
        assert str(done).endswith(("champion 1 the others", "scores 20% of the trials on 2026-10-01"))
    assert evaluated(shop, warehouse, SECOND).because == "model 2 is on trial since 2026-10-01, on 20% of the trials"
    assert [(e.role, e.share, e.by) for e in read_ledger(warehouse)] == [
        ("champion", None, "gate"),
        ("canary", 0.2, "gate"),
    ]


def test_a_first_model_takes_over_at_once_however_promotion_is_set(shop: Shop, warehouse: Warehouse) -> None:
    evaluated(shop, warehouse, FIRST)
    assert plan(shop, warehouse, FIRST, promotion="gradual").share is None


def test_one_model_is_on_trial_at_a_time(shop: Shop, warehouse: Warehouse) -> None:
    win(shop, warehouse)
    warehouse.append(
        MODEL_PROMOTIONS,
        rows(
            MODEL_PROMOTIONS,
            {"role": "canary", "model_version": "9", "share": 0.1, "from_as_of": FIRST, "decided_at": NOW},
        ),
    )
    assert plan(shop, warehouse, SECOND) == Plan(
        None, None, "better; but model 9 is on trial since 2026-09-01, on 10% of the trials, and one is at a time"
    )


def test_a_model_that_its_rollout_took_back_is_not_tried_again_by_itself(shop: Shop, warehouse: Warehouse) -> None:
    win(shop, warehouse)
    for number, share in enumerate((0.1, 0.0)):
        given = {
            "role": "canary",
            "model_version": "2",
            "share": share,
            "by": "rollout",
            "verdict": "worse for certain",
        }
        at = {"promotion_id": f"c{number}", "from_as_of": SECOND, "decided_at": NOW + timedelta(hours=number)}
        warehouse.append(MODEL_PROMOTIONS, rows(MODEL_PROMOTIONS, {**given, **at}))
    assert plan(shop, warehouse, SECOND, promotion="gradual").verdict == (
        "nothing changes: model 2 was rolled back by its rollout on 2026-10-01 (worse for certain); promote it by hand to bring it back"
    )


def test_a_trial_of_a_day_after_which_others_were_decided_does_not_begin(shop: Shop, warehouse: Warehouse) -> None:
    win(shop, warehouse)
    crown(shop, warehouse, "2", day=SECOND + timedelta(days=3))
    assert (
        plan(shop, warehouse, SECOND, promotion="gradual").verdict
        == "better; but who scores later days was decided already"
    )

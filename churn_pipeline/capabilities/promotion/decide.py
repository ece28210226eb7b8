"""The day's decision: judge the challenger, plan what changes, and change it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from churn_pipeline.adapters.bundle import Bundle
from churn_pipeline.adapters.engine import quoted, text_or_null
from churn_pipeline.adapters.feature_table import every_row_labelled
from churn_pipeline.adapters.frames import lacking, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import Receipt, Step, align, promote, put_on_trial, read_ledger
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.promotion.comparison import compare, unseen
from churn_pipeline.capabilities.promotion.gate import BASE_RATE, Judged, Rule, Verdict, judge
from churn_pipeline.capabilities.promotion.guards import Limits, Seen, look
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.lake import CHALLENGER, PROMOTION_PLAN, TRAINING_SET
from churn_pipeline.contracts.production import MODEL_VERDICTS
from churn_pipeline.core.ledger import Canary, LedgerError, Promotion, canary_on, production_on, scores_day, taken_back
from churn_pipeline.core.vocabulary import unregistered
from churn_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on the day's challenger and what it was judged on; none where there was nothing to judge, with the reason."""

    verdict: Verdict | None
    because: str
    judged: Judged | None = field(default=None, repr=False, compare=False)
    seen: Seen | None = field(default=None, repr=False, compare=False)
    """What the guard rails looked at."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Whom the challenger has to beat; none where no champion can score. `remark` says why it is not the champion."""

    version: str | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be changed: the version to promote, or nothing. With a `share` it scores that share of the trials for a start, as canary."""

    promote: str | None
    replaces: str | None
    verdict: str
    share: float | None = None


def evaluate(
    lake: Lake,
    warehouse: Warehouse,
    models: ModelStore,
    *,
    as_of: datetime,
    settings: Settings,
    timer: Callable[[], float] = time.process_time,
) -> Evaluation:
    """Judge the day's challenger against that day's champion, on matured trials that neither has seen; `timer` tells seconds.

    A champion that is damaged, or has features that are no longer registered, scores nothing any more: the challenger has to
    beat the champion before that steps in for it; where none can, it is judged like a first model. A challenger that a
    person took back is not judged again.

    Raises:
        ModelStoreError: the files of a model cannot be read now, which says nothing about the model.
        BundleError: the challenger is damaged.
    """
    noted = lake.read(CHALLENGER.name, as_of).to_pylist()[0]
    challenger = noted["model_version"]
    if challenger is None:
        return Evaluation(None, f"no challenger: {noted['because']}")
    past = read_ledger(warehouse)
    if settled := _settled(challenger, past, as_of):
        return Evaluation(None, settled)
    rival = _rival(past, models, lake, as_of)
    if challenger == rival.version:
        return Evaluation(None, f"model {challenger} is what scores already: {rival.remark}")
    bundles = [models.load(version) for version in (challenger, rival.version) if version is not None]
    mine, *others = bundles
    floor = models.load_floor(challenger)
    features = {f.name: f for bundle in (*bundles, floor) for f in bundle.scorer.schema.features}
    frame = snapshot_frame(lake, TRAINING_SET.name, as_of, features.values(), also=("converted",))
    rows = unseen(frame, *(bundle.facts for bundle in bundles))
    if rows.empty:
        return Evaluation(
            None,
            f"nothing to judge on: none of the matured {settings.noun} is newer than what the models were fitted on",
        )
    judged = compare(frame, challenger=mine, floor=floor, champion=others[0] if others else None)
    seen = look(
        judged,
        rows,
        challenger=mine.scorer,
        champion=(rival.version, others[0].scorer) if rival.version else None,
        limits=_limits(settings),
        rng=np.random.default_rng([settings.seed, 1]),
        timer=timer,
    )
    verdict = judge(
        judged,
        challenger=challenger,
        champion=rival.version,
        rule=_rule(settings),
        rng=np.random.default_rng(settings.seed),
        guards_broken=seen.broken(_limits(settings)),
        remark=rival.remark,
    )
    return Evaluation(verdict, str(verdict), judged, seen)


def _settled(challenger: str, past: Sequence[Promotion], as_of: datetime) -> str:
    """Why the challenger is not judged, by the ledger; empty where it is."""
    if challenger == production_on(past, as_of):
        return f"model {challenger} is the champion already"
    canary = canary_on(past, as_of)
    if canary is not None and canary.model_version == challenger:
        return _on_trial(canary)
    taken = taken_back(past, challenger)
    return _stands(taken) if taken else ""


def _rule(settings: Settings) -> Rule:
    return Rule(
        confidence=settings.gate_confidence,
        min_gain=settings.gate_min_gain,
        min_conversions=settings.gate_min_conversions,
        resamples=settings.gate_resamples,
        noun=settings.noun,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        confidence=settings.gate_confidence,
        min_conversions=settings.gate_min_conversions,
        max_latency_ms=settings.gate_max_latency_ms,
        max_reasons_lost=settings.gate_max_reasons_lost,
        noun=settings.noun,
    )


def write_verdict(evaluation: Evaluation, warehouse: Warehouse, *, as_of: datetime, run_id: str) -> None:
    """Put the verdict among the verdicts; judging the same pair as of the same day again replaces it."""
    import pyarrow as pa

    if evaluation.verdict is None:
        return
    row = evaluation.verdict.row(as_of=as_of, run_id=run_id)
    rows = pa.Table.from_pylist([row], schema=arrow_schema(MODEL_VERDICTS))
    warehouse.replace(MODEL_VERDICTS, rows, where={name: row[name] for name in MODEL_VERDICTS.key})


def figures(evaluation: Evaluation) -> dict[str, float | int]:
    """The figures of the verdict for the UI; none where there is no verdict."""
    verdict = evaluation.verdict
    if verdict is None:
        return {}
    return {
        "gain in log loss": round(verdict.gain.mid, 4),
        "gain, low end": round(verdict.gain.low, 4),
        "gain, high end": round(verdict.gain.high, 4),
        "log loss": round(verdict.log_loss, 4),
        "log loss of what it was compared with": round(verdict.compared_log_loss, 4),
        "log loss of the base rate": round(verdict.base_log_loss, 4),
        "log loss of the logistic regression": round(verdict.floor_log_loss, 4),
        "trials": verdict.trials,
    }


def plan(lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, settings: Settings) -> Plan:
    """What the verdict on the day's challenger asks for; nothing where a person took that challenger back, or another model is on trial.

    Where promotion is gradual it goes on trial beside the champion. A first model takes over at once; so does one that beat who
    steps in for a champion which can score nothing any more: beside that one no trial would ever be judged.
    """
    challenger = lake.read(CHALLENGER.name, as_of).to_pylist()[0]["model_version"]
    past = read_ledger(warehouse)
    champion = production_on(past, as_of)
    nothing = Plan(None, None, "nothing changes: there is no verdict on another model")
    if challenger is None or challenger == champion:
        return nothing
    if taken := taken_back(past, challenger):
        return Plan(None, None, _stands(taken))
    rival = _rival(past, models, lake, as_of).version
    found = warehouse.read(
        "select promote, verdict from model_verdicts where as_of = $1 and model_version = $2 and compared_with = $3",
        [as_of, challenger, rival or BASE_RATE],
    ).to_pylist()
    if not found:
        return nothing
    verdict = found[0]["verdict"]
    if not found[0]["promote"]:
        return Plan(None, None, verdict)
    return (
        Plan(challenger, champion, verdict)
        if rival is None or rival != champion
        else _beside(challenger, rival, verdict, past, as_of, _first_step(lake, as_of, settings))
    )


def _beside(
    challenger: str, champion: str, verdict: str, past: Sequence[Promotion], as_of: datetime, share: float | None
) -> Plan:
    """The plan for a challenger that has beaten a champion which scores; with a `share` it goes on trial."""
    if canary := canary_on(past, as_of):
        return Plan(None, None, f"{verdict}; but {_on_trial(canary)}, and one is at a time")
    if share is None:
        return Plan(challenger, champion, verdict)
    if any(entry.from_as_of > as_of for entry in past):
        return Plan(None, None, f"{verdict}; but who scores later days was decided already")
    return Plan(challenger, champion, verdict, share)


def _first_step(lake: Lake, as_of: datetime, settings: Settings) -> float | None:
    """The share with which a rollout begins; None where promotion is at once, or nothing that is scored could ever mature."""
    if settings.promotion == "at_once" or every_row_labelled(lake, as_of):
        return None
    return settings.rollout_steps[0] / 100


def write_plan(planned: Plan, lake: Lake, *, as_of: datetime) -> None:
    """Put the plan where the check and the effect read it."""
    values = (
        f"timestamptz {quoted(as_of.isoformat())} as as_of, {text_or_null(planned.promote)} as promote, "
        f"{text_or_null(planned.replaces)} as replaces, cast({'null' if planned.share is None else planned.share} as double) as share, "
        f"{text_or_null(planned.verdict)} as verdict"
    )
    with lake.engine.connection() as connection:
        lake.write(connection, PROMOTION_PLAN.name, as_of, f"select {values}")


def read_plan(lake: Lake, *, as_of: datetime) -> Plan:
    """The plan of the day.

    Raises:
        LakeError: nobody has planned that day.
    """
    row: Mapping[str, Any] = lake.read(PROMOTION_PLAN.name, as_of).to_pylist()[0]
    return Plan(row["promote"], row["replaces"], row["verdict"], row["share"])


def check_plan(planned: Plan, models: ModelStore) -> Bundle | None:
    """The bundle that would go into production, every byte and golden row of it verified; none where nothing changes.

    Raises:
        BundleError: the bundle in the registry is not the one that was judged.
        ModelStoreError: the registry does not have it.
    """
    return models.load(planned.promote) if planned.promote else None


def carry_out(
    planned: Plan, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, decided_at: datetime, run_id: str
) -> Receipt | Step | None:
    """Make the planned model the champion, or put it on trial, from the day on; where nothing is planned only an alias left behind is set right.

    A run killed between the ledger and the alias has made the model champion already: the next one plans nothing.

    Raises:
        LedgerError: the plan is stale: since it was made, somebody changed who is champion.
    """
    if planned.promote is None:
        align(warehouse=warehouse, models=models)
        return None
    _refuse_stale(planned, read_ledger(warehouse), as_of)
    common: dict[str, Any] = {
        "warehouse": warehouse,
        "models": models,
        "from_as_of": as_of,
        "by": "gate",
        "verdict": planned.verdict,
        "decided_at": decided_at,
        "run_id": run_id,
    }
    if planned.share is None:
        return promote(planned.promote, **common)
    return put_on_trial(planned.promote, share=planned.share, **common)


def _refuse_stale(planned: Plan, past: Sequence[Promotion], as_of: datetime) -> None:
    assert planned.promote is not None
    now = production_on(past, as_of)
    taken = taken_back(past, planned.promote)
    if now in (planned.promote, planned.replaces) and taken is None:
        return
    since = _stands(taken) if taken else f"{f'model {now}' if now else 'nobody'} is champion by now"
    was = f"model {planned.replaces}" if planned.replaces else "nobody"
    raise LedgerError(
        f"the plan to make model {planned.promote} champion on {as_of:%Y-%m-%d} is stale: it was made while {was} was champion; "
        f"{since}.\n  do: materialize model_verdicts, promotion_plan and champion of that day again, or churn run --as-of {as_of:%Y-%m-%d}"
    )


def _rival(past: Sequence[Promotion], models: ModelStore, lake: Lake, as_of: datetime) -> Rival:
    """Who scores the day by the ledger: its champion, or the newest before it that can where that one can no more."""
    champion = production_on(past, as_of)
    obstacle = _obstacle(champion, models, lake, as_of) if champion else ""
    if not obstacle:
        return Rival(champion)
    before = scores_day(past, as_of).before
    able = next((version for version in before if not _obstacle(version, models, lake, as_of)), None)
    return Rival(able, f"{obstacle}; model {able} steps in for it" if able else obstacle)


def _obstacle(champion: str, models: ModelStore, lake: Lake, as_of: datetime) -> str:
    """Why a champion can score nothing any more; empty where it can."""
    if models.damage(champion) is not None:
        return f"champion {champion} cannot be loaded"
    features = models.load(champion).scorer.schema.features
    unknown = unregistered(features) or lacking(lake, TRAINING_SET.name, as_of, features)
    return f"champion {champion} has features that are no longer registered: {', '.join(unknown)}" if unknown else ""


def _stands(taken: Promotion) -> str:
    """What a person decided about a challenger before, as a sentence."""
    loser = taken.model_version if taken.role == "canary" else taken.replaced
    how = {"rollback": "rolled back", "rollout": "rolled back by its rollout"}.get(
        taken.by, "taken out of production by hand"
    )
    return (
        f"nothing changes: model {loser} was {how} on {taken.from_as_of:%Y-%m-%d} ({taken.verdict}); "
        "promote it by hand to bring it back"
    )


def _on_trial(canary: Canary) -> str:
    return (
        f"model {canary.model_version} is on trial since {canary.since:%Y-%m-%d}, on {canary.share:.0%} of the trials"
    )

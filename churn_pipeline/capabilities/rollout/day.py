"""A day's look at the rollout: read what is known, judge, plan, and carry out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.engine import quoted, text_or_null
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import Receipt, Step, align, end_trial, promote, put_on_trial, read_ledger
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout.judge import Matured, Rule, Said, Verdict, judge
from churn_pipeline.capabilities.rollout.looks import Looks
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.lake import ROLLOUT_PLAN
from churn_pipeline.contracts.production import ROLLOUT_VERDICTS
from churn_pipeline.core.ledger import LedgerError, Promotion, canary_on, production_on
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

SCORED_LATER = "select max(as_of) > $1 as later from scores"
FAILED = "select count(*) as days from prediction_errors where subject = 'canary' and as_of >= $1 and as_of < $2"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be changed: the share that the canary scores from the day on (1: it becomes champion), or nothing."""

    canary: str | None
    share: float | None
    champion: str | None
    verdict: str


def look(
    lake: Lake, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, settings: Settings
) -> Verdict | None:
    """The verdict of a day on the rollout that goes on; None where there is none.

    What an earlier look of the same day has changed is looked away from, so that a second look finds the same.
    """
    past = undecided(read_ledger(warehouse), as_of)
    canary, champion = canary_on(past, as_of), production_on(past, as_of)
    if canary is None or champion is None:
        return None
    looks = Looks(warehouse, canary.model_version, champion, canary.since, before=as_of)
    known = looks.matured(lake, as_of)
    failed = warehouse.read(FAILED, [canary.step_from, as_of]).to_pylist()[0]
    return judge(
        # numbered as they come: sums over trials differ with their order in their last bits
        Matured(known["trial"].factorize()[0], known["converted"].to_numpy(dtype=bool), _said(known)),
        _said(looks.newest()),
        canary=canary,
        champion=champion,
        as_of=as_of,
        errors=failed["days"],
        rule=rule(settings),
        **_state(models, canary.model_version),
    )


def _state(models: ModelStore, version: str) -> dict[str, Any]:
    """Whether the files of a version are damaged, and how; storage that does not answer proves nothing."""
    try:
        return {"damage": models.damage(version)}
    except ModelStoreError:
        return {"damage": None, "unreachable": True}


def undecided(past: Sequence[Promotion], as_of: datetime) -> tuple[Promotion, ...]:
    """The ledger by the day as it was before the day's own look at the rollout; what was decided on top of that look stays."""
    begun = [entry for entry in past if entry.from_as_of <= as_of]
    while begun and begun[-1].by == "rollout" and begun[-1].from_as_of == as_of:
        begun.pop()
    return tuple(begun)


def decided(past: Sequence[Promotion], as_of: datetime) -> bool:
    """Whether the day's look has changed who is in production already: a later look of the day stands by it."""
    return len(undecided(past, as_of)) < sum(entry.from_as_of <= as_of for entry in past)


def _said(rows: pd.DataFrame) -> Said:
    return Said(*(rows[f"{who}_probability"].to_numpy(dtype=np.float64) for who in ("champion", "canary")))


def rule(settings: Settings) -> Rule:
    """The rule of the settings."""
    return Rule(
        steps=tuple(percent / 100 for percent in settings.rollout_steps),
        wait_days=settings.rollout_wait_days,
        confidence=settings.rollout_confidence,
        margin=settings.rollout_margin,
        min_conversions=settings.gate_min_conversions,
        max_distance=settings.rollout_max_distance,
    )


def write_verdict(verdict: Verdict | None, warehouse: Warehouse, *, as_of: datetime, run_id: str) -> None:
    """Put the day's verdict in the place of an earlier one of the day, but for one that was carried out: that is history.

    Where a person has put another model, or another share, on trial since, the look at that takes its place.
    """
    import pyarrow as pa

    past = read_ledger(warehouse)
    carried_out = any(entry.by == "rollout" and entry.from_as_of == as_of for entry in past)
    if decided(past, as_of) or (carried_out and verdict is None):
        return
    rows = [verdict.row(as_of=as_of, run_id=run_id)] if verdict else []
    table = pa.Table.from_pylist(rows, schema=arrow_schema(ROLLOUT_VERDICTS))
    warehouse.replace(ROLLOUT_VERDICTS, table, where={"as_of": as_of})


def plan(warehouse: Warehouse, *, as_of: datetime, settings: Settings) -> Plan:
    """What the day's verdict asks for; nothing where the settings leave it to a person, or a later day was decided already."""
    found = warehouse.read(
        "select model_version, compared_with, decision, share, verdict from rollout_verdicts where as_of = $1", [as_of]
    ).to_pylist()
    if not found:
        return Plan(None, None, None, "no rollout goes on")
    verdict = found[0]
    if verdict["decision"] == "wait":
        return Plan(None, None, None, verdict["verdict"])
    if not settings.rollout_auto:
        return Plan(None, None, None, f"{verdict['verdict']}; it is left to a person (churn model rollout)")
    past = read_ledger(warehouse)
    if canary_on(undecided(past, as_of), as_of) is None:
        return Plan(None, None, None, f"{verdict['verdict']}; but a person has taken it off its trial since")
    if any(entry.from_as_of > as_of for entry in past):
        return Plan(None, None, None, f"{verdict['verdict']}; but who scores later days was decided already")
    if warehouse.read(SCORED_LATER, [as_of])["later"].to_pylist()[0]:
        return Plan(None, None, None, f"{verdict['verdict']}; but later days have been scored already")
    share = 0.0 if verdict["decision"] == "go_back" else rule(settings).after(verdict["share"])
    return Plan(verdict["model_version"], share, verdict["compared_with"], verdict["verdict"])


def write_plan(planned: Plan, lake: Lake, *, as_of: datetime) -> None:
    """Put the plan where the check and the effect read it."""
    share = "null" if planned.share is None else repr(planned.share)
    values = (
        f"timestamptz {quoted(as_of.isoformat())} as as_of, {text_or_null(planned.canary)} as canary, cast({share} as double) as share, "
        f"{text_or_null(planned.champion)} as champion, {text_or_null(planned.verdict)} as verdict"
    )
    with lake.engine.connection() as connection:
        lake.write(connection, ROLLOUT_PLAN.name, as_of, f"select {values}")


def read_plan(lake: Lake, *, as_of: datetime) -> Plan:
    """The plan of the day.

    Raises:
        LakeError: nobody has planned that day.
    """
    row: Mapping[str, Any] = lake.read(ROLLOUT_PLAN.name, as_of).to_pylist()[0]
    return Plan(row["canary"], row["share"], row["champion"], row["verdict"])


def check_plan(planned: Plan, warehouse: Warehouse, *, as_of: datetime) -> None:
    """See that nobody has changed who is in production since the plan was made, but the plan itself.

    Raises:
        LedgerError: somebody has; says who is in production now.
    """
    if planned.canary is None:
        return
    past = undecided(read_ledger(warehouse), as_of)
    canary, champion = canary_on(past, as_of), production_on(past, as_of)
    now = canary.model_version if canary else None
    if (now, champion) != (planned.canary, planned.champion):
        raise LedgerError(
            f"the plan of {as_of:%Y-%m-%d} is stale: it is about model {planned.canary} beside champion {planned.champion}, "
            f"by now champion is {champion or 'nobody'}, on trial is {now or 'nobody'}.\n  do: run the day again"
        )


def carry_out(
    planned: Plan, warehouse: Warehouse, models: ModelStore, *, as_of: datetime, decided_at: datetime, run_id: str
) -> Receipt | Step | str | None:
    """Do what is planned; where nothing is, only set aliases right that a killed run left behind.

    A canary that cannot be loaded by now stays as it is, with the reason, and a registry that does not answer gets its alias later:
    the day's scores must not wait for it.

    Raises:
        LedgerError: the plan is stale.
    """
    past = read_ledger(warehouse)
    if planned.canary is None or planned.share is None:
        if past and past[-1].by == "rollout":
            align(warehouse=warehouse, models=models)
        return None
    check_plan(planned, warehouse, as_of=as_of)
    common: dict[str, Any] = {
        "warehouse": warehouse,
        "models": models,
        "from_as_of": as_of,
        "by": "rollout",
        "verdict": planned.verdict,
        "decided_at": decided_at,
        "run_id": run_id,
    }
    if planned.share > 0:
        try:
            if planned.share == 1:
                return promote(planned.canary, **common)
            return put_on_trial(planned.canary, share=planned.share, **common)
        except (BundleError, ModelStoreError) as error:
            done = decided(read_ledger(warehouse), as_of)
            return f"done in the ledger, and in MLflow with the next run: {error}" if done else f"nothing: {error}"
    if canary_on(past, as_of) is None:
        align(warehouse=warehouse, models=models)
        return Step(planned.canary, planned.champion or "", 0.0, as_of, changed=False)
    return end_trial(**common)

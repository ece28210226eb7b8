"""Rollouts by hand: start, status, next step, and back."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from churn_pipeline.adapters.ledger import Receipt, Step, end_trial, promote, put_on_trial, read_ledger
from churn_pipeline.adapters.locks import WRITERS
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout.day import rule
from churn_pipeline.cli.model import BY_HAND, day_named, say_done
from churn_pipeline.cli.say import say
from churn_pipeline.cli.summary import command, named
from churn_pipeline.cli.table import print_table
from churn_pipeline.core.ledger import Canary, LedgerError, canary_on
from churn_pipeline.settings import Settings

VERDICT = "select as_of, decision, verdict from rollout_verdicts where model_version = $1 and as_of <= $2 order by as_of desc limit 1"
ARMS = """
select arm, scored_by, trials, matured, conversions, conversion, conversion_low, conversion_high, mean_score, log_loss, auc,
  difference, difference_low, difference_high
from rollout_arms where model_version = $1 and as_of = (select max(as_of) from rollout_arms where model_version = $1 and as_of <= $2) order by arm desc
"""
STEPS = """
select from_as_of, role, model_version, share, by, verdict from model_promotions
where model_version = $1 and (role = 'canary' or by = 'rollout') and from_as_of <= $2 order by from_as_of, decided_at
"""


def start(settings: Settings, version: str, *, because: str, share: int | None, as_of: str | None) -> None:
    """Put a model on trial beside the champion, on `share` percent of the trials (the first step, where none is named)."""
    percent = share if share is not None else settings.rollout_steps[0]
    _decide(
        settings,
        as_of,
        lambda common: put_on_trial(
            version, share=percent / 100, verdict=f"model {version} put on trial by hand: {because}", **common
        ),
    )


def advance(settings: Settings, *, because: str, as_of: str | None) -> None:
    """Take the rollout to its next step; after the last the canary is champion."""

    def step(common: dict[str, Any]) -> Receipt | Step:
        canary = _on_trial(common["warehouse"], common["from_as_of"])
        share = rule(settings).after(canary.share)
        verdict = f"model {canary.model_version} taken to {share:.0%} of the trials by hand: {because}"
        if share == 1:
            return promote(canary.model_version, verdict=verdict, **common)
        return put_on_trial(canary.model_version, share=share, verdict=verdict, **common)

    _decide(settings, as_of, step)


def abort(settings: Settings, *, because: str, as_of: str | None) -> None:
    """Take the canary out of production: the champion scores every trial again."""

    def stop(common: dict[str, Any]) -> Step:
        canary = _on_trial(common["warehouse"], common["from_as_of"])
        return end_trial(verdict=f"model {canary.model_version} taken off its trial by hand: {because}", **common)

    _decide(settings, as_of, stop)


def status(settings: Settings, *, as_of: str | None, as_json: bool) -> None:
    """Print who is on trial, what the newest look at it says, the A/B of its arms, and its steps so far."""
    import pyarrow as pa

    warehouse = Warehouse.of(settings)
    day = day_named(as_of, datetime.now(UTC), warehouse)
    past = read_ledger(warehouse)
    canary = canary_on(past, day)
    version = (
        canary.model_version if canary else next((e.model_version for e in reversed(past) if e.role == "canary"), None)
    )
    if version is None:
        said = (
            {"on_trial": None}
            if as_json
            else f"no model was ever on trial: {command()} model rollout start VERSION --because WHY{named(settings)}"
        )
        say(json.dumps(said) if as_json else str(said))
        return
    tables = {
        name: warehouse.read(query, [version, day])
        for name, query in (("looks", VERDICT), ("arms", ARMS), ("steps", STEPS))
    }
    if as_json:
        rows = {name: table.to_pylist() for name, table in tables.items()}
        sys.stdout.write(json.dumps({"on_trial": _facts(canary), "model_version": version, **rows}, default=str) + "\n")
        return
    say(_words(canary, version, day))
    for look in tables["looks"].to_pylist():
        say(f"looked at on {look['as_of']:%Y-%m-%d}: {look['verdict']}")
    for told in (_arms(tables["arms"].to_pylist()), tables["steps"].to_pylist()):
        if told:
            print_table(pa.Table.from_pylist(told))


def _arms(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The A/B in as few columns as a console has room for."""
    return [
        {
            "scores of": arm["arm"],
            "model": arm["scored_by"],
            "trials": arm["trials"],
            "matured": arm["matured"],
            "converted": _share(arm, "conversion"),
            "log loss": arm["log_loss"],
            "canary less champion": _share(arm, "difference"),
        }
        for arm in found
    ]


def _share(arm: dict[str, Any], name: str) -> str:
    if arm[name] is None:
        return "not known yet"
    return f"{arm[name]:.1%} ({arm[f'{name}_low']:.1%} to {arm[f'{name}_high']:.1%})"


def _decide(settings: Settings, as_of: str | None, decision: Any) -> None:
    """Take a decision under the writers' lock, and print what it did."""
    warehouse, models = Warehouse.of(settings), ModelStore.of(settings)
    now = datetime.now(UTC)
    with warehouse.lock(WRITERS):
        done = decision(
            {
                "warehouse": warehouse,
                "models": models,
                "from_as_of": day_named(as_of, now, warehouse),
                "by": "person",
                "decided_at": now,
                "run_id": BY_HAND,
            }
        )
    say_done(done, settings)


def _on_trial(warehouse: Warehouse, day: datetime) -> Canary:
    canary = canary_on(read_ledger(warehouse), day)
    if canary is None:
        raise LedgerError(
            f"no model is on trial on {day:%Y-%m-%d}.\n  do: churn model rollout status; churn model rollout start VERSION"
        )
    return canary


def _words(canary: Canary | None, version: str, day: datetime) -> str:
    if canary is None:
        return f"no model is on trial on {day:%Y-%m-%d}; the last one was model {version}"
    return (
        f"model {version} is on trial since {canary.since:%Y-%m-%d}; it scores {canary.share:.0%} of the trials "
        f"since {canary.step_from:%Y-%m-%d}"
    )


def _facts(canary: Canary | None) -> dict[str, Any] | None:
    if canary is None:
        return None
    return {"share": canary.share, "step_from": canary.step_from.date(), "since": canary.since.date()}

"""Models: who is there, who is champion, and changing that by hand."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.ledger import Receipt, Step, promote, rollback
from churn_pipeline.adapters.locks import WRITERS
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError, ModelVersion
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.run import parsed_day
from churn_pipeline.cli.say import say
from churn_pipeline.cli.summary import command, named
from churn_pipeline.cli.table import print_table, say_business
from churn_pipeline.core.clock import midnight
from churn_pipeline.settings import Settings

BY_HAND = "by hand"
NEWEST_SCORED = "select max(as_of) as day from scores"
SCORED_SINCE = """
select min(as_of) as first, max(as_of) as last from (
  select as_of, as_of - row_number() over (order by as_of) * interval '1 day' as stretch from (select distinct as_of from scores where as_of >= $1) as days
) as scored group by stretch order by first
"""
"""Stretches of days that were scored."""
VERDICTS = "select as_of, compared_with, promote, verdict from model_verdicts where model_version = $1 order by as_of"


def list_models(settings: Settings, *, as_json: bool) -> None:
    """Print every registered model, the oldest first; of a damaged one only that it is there."""
    import pyarrow as pa

    models = ModelStore.of(settings)
    listed = [_listed(models, version) for version in models.versions()]
    if as_json:
        sys.stdout.write(json.dumps(listed) + "\n")
    elif listed:
        print_table(pa.Table.from_pylist([_row(model) for model in listed]))
        say_business(settings)
    else:
        say(f"no model is registered yet: {command()} run{named(settings)} trains the first")


def show_model(settings: Settings, version: str, *, as_json: bool) -> None:
    """Print what a model is and how good it was, and every verdict on it; as JSON with all of its facts."""
    import pyarrow as pa

    from churn_pipeline.capabilities.training.description import figures, words

    facts = ModelStore.of(settings).facts(version)
    verdicts = Warehouse.of(settings).read(VERDICTS, [version])
    if as_json:
        sys.stdout.write(json.dumps(facts | {"verdicts": verdicts.to_pylist()}, default=str) + "\n")
        return
    say(words(facts, noun=settings.noun))
    print_table(pa.Table.from_pylist(figures(facts)))
    print_table(verdicts, nothing="no verdict on it yet")


def promote_model(settings: Settings, version: str, *, because: str, as_of: str | None) -> None:
    """Make a model champion from a day on (the newest scored day, where none is named)."""
    warehouse, models = Warehouse.of(settings), ModelStore.of(settings)
    now = datetime.now(UTC)
    with warehouse.lock(WRITERS):
        receipt = promote(
            version,
            warehouse=warehouse,
            models=models,
            from_as_of=day_named(as_of, now, warehouse),
            by="person",
            verdict=f"model {version} promoted by hand: {because}",
            decided_at=now,
            run_id=BY_HAND,
        )
    say_done(receipt, settings)


def roll_back(settings: Settings, *, because: str, as_of: str | None) -> None:
    """Take the canary out of production, or else go back to the champion before, from a day on (the newest scored day, where none is named)."""
    warehouse, models = Warehouse.of(settings), ModelStore.of(settings)
    now = datetime.now(UTC)
    with warehouse.lock(WRITERS):
        receipt = rollback(
            warehouse=warehouse,
            models=models,
            from_as_of=day_named(as_of, now, warehouse),
            why=because,
            decided_at=now,
            run_id=BY_HAND,
        )
    say_done(receipt, settings)


def reproduce_model(settings: Settings, version: str, *, as_json: bool) -> None:
    """Train a version again and say whether it came out the same; status 1 where it did not."""
    from churn_pipeline.adapters.lake import Lake
    from churn_pipeline.capabilities.training.reproduce import reproduce

    def say(words: str) -> None:
        sys.stderr.write(f"{words}\n")

    found = reproduce(Lake.of(settings), ModelStore.of(settings), version=version, settings=settings, progress=say)
    sys.stdout.write((json.dumps(asdict(found)) if as_json else str(found)) + "\n")
    if not found.same:
        raise SystemExit(1)


def _listed(models: ModelStore, known: ModelVersion) -> dict[str, Any]:
    """A model as plain values; of one whose files are not there as they were, what its facts would say is null."""
    state, facts = _looked_at(models, known.version)
    overall = facts["test"]["overall"] if facts else {}
    return {
        "version": known.version,
        "roles": list(known.roles),
        "state": state,
        "trained_as_of": known.tags.get("trained_as_of", "")[:10],
        "chosen": facts.get("chosen"),
        "auc": (overall.get("auc") or {}).get("mid"),
        "log_loss": overall.get("log_loss"),
        "base_log_loss": overall.get("base_log_loss"),
        "note": facts.get("note"),
    }


def _row(listed: dict[str, Any]) -> dict[str, Any]:
    """The same in as few columns as a console has room for."""
    known = listed["log_loss"] is not None
    return {
        "version": listed["version"],
        "role": ", ".join(listed["roles"]),
        "state": listed["state"],
        "trained as of": listed["trained_as_of"],
        "chosen": listed["chosen"],
        "AUC": listed["auc"],
        "log loss (base rate's)": f"{listed['log_loss']:.4f} ({listed['base_log_loss']:.4f})" if known else None,
        "note": listed["note"],
    }


def _looked_at(models: ModelStore, version: str) -> tuple[str, dict[str, Any]]:
    try:
        return "unchanged", models.facts(version)
    except BundleError:
        return "damaged", {}
    except ModelStoreError:
        return "unreachable", {}


def say_done(done: Receipt | Step, settings: Settings) -> None:
    """Print what a decision did, and what it does not do by itself: the days that were scored before keep their scores."""
    say(str(done))
    if not done.changed:
        return
    for days in Warehouse.of(settings).read(SCORED_SINCE, [done.from_as_of]).to_pylist():
        first, last = (f"{day:%Y-%m-%d}" for day in (days["first"], days["last"]))
        which, to = (f"{first} to {last}", f" --to {last}") if last != first else (first, "")
        say(
            f"the scores of {which} stand as they are until scored again: {command()} score --as-of {first}{to}{named(settings)}"
        )


def day_named(text: str | None, now: datetime, warehouse: Warehouse) -> datetime:
    """The day that is named; else the newest scored one, since a business's records may end before today; else today."""
    if text:
        return midnight(parsed_day(text))
    newest: datetime | None = warehouse.read(NEWEST_SCORED).to_pylist()[0]["day"]
    return newest or midnight(now.date())

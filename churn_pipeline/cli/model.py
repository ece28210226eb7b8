"""Models: who is there, who is champion, and changing that by hand."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.promotion.effects import Receipt, promote, rollback
from churn_pipeline.cli.run import parsed_day
from churn_pipeline.cli.table import print_table
from churn_pipeline.core.clock import midnight
from churn_pipeline.orchestration.writers import LOCK
from churn_pipeline.settings import Settings

BY_HAND = "by hand"
VERDICTS = "select as_of, compared_with, promote, verdict from model_verdicts where model_version = $1 order by as_of"


def list_models(settings: Settings) -> None:
    """Print every registered model, the oldest first."""
    import pyarrow as pa

    models = ModelStore.of(settings)
    rows = [_row(models, version.version) for version in models.versions()]
    if not rows:
        sys.stdout.write("no model is registered yet: churn run trains the first\n")
        return
    print_table(pa.Table.from_pylist(rows))


def show_model(settings: Settings, version: str) -> None:
    """Print the facts of a model as JSON, and every verdict on it."""
    facts = ModelStore.of(settings).load(version).facts
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")
    print_table(Warehouse.of(settings).read(VERDICTS, [version]))


def promote_model(settings: Settings, version: str, *, because: str, as_of: str | None) -> None:
    """Make a model champion from a day on (today, where none is named)."""
    warehouse, models = Warehouse.of(settings), ModelStore.of(settings)
    now = datetime.now(UTC)
    with warehouse.lock(LOCK):
        receipt = promote(
            version,
            warehouse=warehouse,
            models=models,
            from_as_of=_day(as_of, now),
            by="person",
            verdict=f"model {version} promoted by hand: {because}",
            decided_at=now,
            run_id=BY_HAND,
        )
    _say(receipt)


def roll_back(settings: Settings, *, because: str, as_of: str | None) -> None:
    """Go back to the champion before, from a day on (today, where none is named)."""
    warehouse, models = Warehouse.of(settings), ModelStore.of(settings)
    now = datetime.now(UTC)
    with warehouse.lock(LOCK):
        receipt = rollback(
            warehouse=warehouse,
            models=models,
            from_as_of=_day(as_of, now),
            why=because,
            decided_at=now,
            run_id=BY_HAND,
        )
    _say(receipt)


def _row(models: ModelStore, version: str) -> dict[str, Any]:
    known = models.version(version)
    facts = models.load(version).facts
    overall = facts["test"]["overall"]
    return {
        "version": version,
        "role": ", ".join(known.roles),
        "trained as of": facts["trained_as_of"][:10],
        "chosen": facts["chosen"],
        "AUC": overall["auc"]["mid"] if overall["auc"] else None,
        "log loss": overall["log_loss"],
        "base rate's": overall["base_log_loss"],
        "note": facts["note"],
    }


def _say(receipt: Receipt) -> None:
    sys.stdout.write(f"{receipt}\n")


def _day(text: str | None, now: datetime) -> datetime:
    return midnight(parsed_day(text) if text else now.date())

"""Promotion and rollback as effects: an entry in the ledger, then the alias in the registry.

The ledger is the truth; the alias follows it. A process killed between the two leaves an alias that the next attempt,
or `align`, puts right. Doing the same twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.contracts.analytics import MODEL_PROMOTIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.core import ledger
from churn_pipeline.core.ledger import By, Promotion

if TYPE_CHECKING:
    from churn_pipeline.adapters.model_store import ModelStore
    from churn_pipeline.adapters.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a promotion did: who is champion from which day on, whom it replaced, and whether that was new."""

    model_version: str
    replaced: str | None
    from_as_of: datetime
    changed: bool

    def __str__(self) -> str:
        if not self.changed:
            return f"model {self.model_version} is the champion already, on {self.from_as_of:%Y-%m-%d}"
        loser = f"model {self.replaced}" if self.replaced else "the rules"
        return f"model {self.model_version} is champion from {self.from_as_of:%Y-%m-%d} on, in place of {loser}"


def read_ledger(warehouse: Warehouse) -> tuple[Promotion, ...]:
    """The whole ledger, in the order in which it holds."""
    columns = ", ".join(MODEL_PROMOTIONS.names)
    return ledger.read(warehouse.read(f"select {columns} from {MODEL_PROMOTIONS.name}").to_pylist())


def promote(
    version: str,
    *,
    warehouse: Warehouse,
    models: ModelStore,
    from_as_of: datetime,
    by: By,
    verdict: str,
    decided_at: datetime,
    run_id: str,
) -> Receipt:
    """Make a version the champion from a day on, once it is known to be whole.

    Raises:
        ModelStoreError: there is no such version, or its files cannot be read now.
        BundleError: it is damaged.
        LedgerError: the day is before the one the model was trained as of; or a person names a day before the last
            champion's first.
    """
    bundle = models.load(version)
    models.load_floor(version)
    ledger.refuse_foresight(version, from_as_of, trained_as_of=datetime.fromisoformat(bundle.facts["trained_as_of"]))
    past = read_ledger(warehouse)
    if by != "gate":
        ledger.refuse_earlier(past, from_as_of)
    entry = ledger.entry(
        past, version, from_as_of=from_as_of, by=by, verdict=verdict, decided_at=decided_at, run_id=run_id
    )
    if entry is not None:
        _append(entry, warehouse)
    align(warehouse=warehouse, models=models)
    return Receipt(version, entry.replaced if entry else None, from_as_of, changed=entry is not None)


def rollback(
    *, warehouse: Warehouse, models: ModelStore, from_as_of: datetime, why: str, decided_at: datetime, run_id: str
) -> Receipt:
    """Go back to the champion before, from a day on. A rollback that was killed half-way is finished, not repeated.

    Raises:
        LedgerError: there is none to go back to, or the day is before the last champion's first.
        BundleError: the one before is damaged.
    """
    past = read_ledger(warehouse)
    holder = models.champion()
    if past and past[-1].by == "rollback" and (holder is None or holder.version != past[-1].model_version):
        align(warehouse=warehouse, models=models)
        return Receipt(past[-1].model_version, past[-1].replaced, past[-1].from_as_of, changed=True)
    ledger.refuse_earlier(past, from_as_of)
    target = ledger.before(past, from_as_of)
    verdict = f"model {ledger.production_on(past, from_as_of)} rolled back to model {target}: {why}"
    return promote(
        target,
        warehouse=warehouse,
        models=models,
        from_as_of=from_as_of,
        by="rollback",
        verdict=verdict,
        decided_at=decided_at,
        run_id=run_id,
    )


def align(*, warehouse: Warehouse, models: ModelStore) -> None:
    """Point the alias `champion` at the model that the ledger's last entry names."""
    champions = [entry for entry in read_ledger(warehouse) if entry.role == "champion"]
    if champions:
        models.set_role("champion", champions[-1].model_version)


def champion_words(past: Sequence[Promotion], day: datetime) -> str:
    """Who is champion on a day and since when, as a sentence."""
    entry = ledger.in_force(past, day)
    if entry is None:
        return "nobody yet: the rules score"
    return f"model {entry.model_version} since {entry.from_as_of:%Y-%m-%d}"


def _append(entry: Promotion, warehouse: Warehouse) -> None:
    import pyarrow as pa

    warehouse.append(MODEL_PROMOTIONS, pa.Table.from_pylist([entry.row()], schema=arrow_schema(MODEL_PROMOTIONS)))

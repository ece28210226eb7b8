"""Who is in production: an entry in the ledger of the warehouse, then the alias in the registry.

The ledger is the truth; the aliases follow it. A process killed between the two leaves an alias that the next attempt,
or `align`, puts right. Doing the same twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.adapters.bundle import Bundle
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.production import MODEL_PROMOTIONS
from churn_pipeline.core import ledger
from churn_pipeline.core.ledger import By, LedgerError, Promotion, canary_on, production_on


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done: who is champion from which day on, whom it replaced, and whether that was new."""

    model_version: str
    replaced: str | None
    from_as_of: datetime
    changed: bool

    def __str__(self) -> str:
        if not self.changed:
            return f"model {self.model_version} is the champion already, on {self.from_as_of:%Y-%m-%d}"
        loser = f"model {self.replaced}" if self.replaced else "the rules"
        return f"model {self.model_version} is champion from {self.from_as_of:%Y-%m-%d} on, in place of {loser}"


@dataclass(frozen=True, slots=True)
class Step:
    """What was done in a rollout: the share that the canary scores from which day on (0: none any more), and whether that was new."""

    canary: str
    champion: str
    share: float
    from_as_of: datetime
    changed: bool

    def __str__(self) -> str:
        day = f"{self.from_as_of:%Y-%m-%d}"
        if not self.changed:
            many = f"{self.share:.0%} of the trials" if self.share else "no trial any more"
            return f"nothing has changed: model {self.canary} scores {many} on {day}"
        if self.share:
            return f"model {self.canary} scores {self.share:.0%} of the trials from {day} on, champion {self.champion} the others"
        return f"model {self.canary} scores no trial any more from {day} on, champion {self.champion} scores all"


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
    _whole(version, models, from_as_of)
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


def put_on_trial(
    version: str,
    *,
    share: float,
    warehouse: Warehouse,
    models: ModelStore,
    from_as_of: datetime,
    by: By,
    verdict: str,
    decided_at: datetime,
    run_id: str,
) -> Step:
    """Let a version score a share (between 0 and 1) of the trials from a day on, as canary beside the champion.

    Raises:
        ModelStoreError, BundleError: as `promote`.
        LedgerError: there is no champion, it is the champion, another canary is on trial, or the day is before the one it was
            trained as of or before the last decision.
    """
    _whole(version, models, from_as_of)
    past = read_ledger(warehouse)
    champion, canary = production_on(past, from_as_of), canary_on(past, from_as_of)
    if champion is None or version == champion or (canary is not None and canary.model_version != version):
        why = (
            f"model {version} is the champion already"
            if version == champion
            else f"model {canary.model_version} is on trial already"
            if canary
            else "nobody is champion, so there is nothing to compare it with"
        )
        raise LedgerError(
            f"model {version} cannot go on trial from {from_as_of:%Y-%m-%d} on: {why}.\n"
            "  do: churn model list, churn model rollout status; then churn model rollout abort, or churn model promote VERSION"
        )
    ledger.refuse_earlier(past, from_as_of)
    entry = ledger.entry(
        past,
        version,
        from_as_of=from_as_of,
        by=by,
        verdict=verdict,
        decided_at=decided_at,
        run_id=run_id,
        role="canary",
        share=share,
    )
    if entry is not None:
        _append(entry, warehouse)
    align(warehouse=warehouse, models=models)
    return Step(version, champion, share, from_as_of, changed=entry is not None)


def end_trial(
    *,
    warehouse: Warehouse,
    models: ModelStore,
    from_as_of: datetime,
    by: By,
    verdict: str,
    decided_at: datetime,
    run_id: str,
) -> Step:
    """Take the canary out of production from a day on: the champion scores all trials.

    Raises:
        LedgerError: no model is on trial that day, or the day is before the last decision.
    """
    past = read_ledger(warehouse)
    canary, champion = canary_on(past, from_as_of), production_on(past, from_as_of)
    if canary is None or champion is None:
        raise LedgerError(
            f"no model is on trial on {from_as_of:%Y-%m-%d}.\n  do: churn model rollout status; churn model rollout start VERSION"
        )
    ledger.refuse_earlier(past, from_as_of)
    entry = ledger.entry(
        past,
        canary.model_version,
        from_as_of=from_as_of,
        by=by,
        verdict=verdict,
        decided_at=decided_at,
        run_id=run_id,
        role="canary",
        share=0.0,
    )
    assert entry is not None
    _append(entry, warehouse)
    align(warehouse=warehouse, models=models)
    return Step(canary.model_version, champion, 0.0, from_as_of, changed=True)


def rollback(
    *, warehouse: Warehouse, models: ModelStore, from_as_of: datetime, why: str, decided_at: datetime, run_id: str
) -> Receipt | Step:
    """Undo the last change from a day on: take the canary out of production, or else go back to the champion before.

    A rollback that was killed half-way is finished, not repeated.

    Raises:
        LedgerError: there is none to go back to, or the day is before the last decision.
        BundleError: the one before is damaged.
    """
    past = read_ledger(warehouse)
    if past and past[-1].by == "rollback" and not _aligned(past, models):
        align(warehouse=warehouse, models=models)
        return _done(past)
    ledger.refuse_earlier(past, from_as_of)
    canary = canary_on(past, from_as_of)
    if canary is not None:
        return end_trial(
            warehouse=warehouse,
            models=models,
            from_as_of=from_as_of,
            by="rollback",
            verdict=f"model {canary.model_version} taken off its trial: {why}",
            decided_at=decided_at,
            run_id=run_id,
        )
    target = ledger.before(past, from_as_of)
    verdict = f"model {production_on(past, from_as_of)} rolled back to model {target}: {why}"
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
    """Point the aliases `champion` and `canary` at the models that hold these roles once the ledger's last entry has begun."""
    champion, canary = _last(read_ledger(warehouse))
    if champion is not None:
        models.set_role("champion", champion)
    if canary is not None:
        models.set_role("canary", canary)
    else:
        models.free_role("canary")


def _aligned(past: Sequence[Promotion], models: ModelStore) -> bool:
    holders = models.holder("champion"), models.holder("canary")
    return tuple(holder.version if holder else None for holder in holders) == _last(past)


def _last(past: Sequence[Promotion]) -> tuple[str | None, str | None]:
    """The champion and the canary once the ledger's last entry has begun."""
    if not past:
        return None, None
    canary = canary_on(past, past[-1].from_as_of)
    return production_on(past, past[-1].from_as_of), canary.model_version if canary else None


def _done(past: Sequence[Promotion]) -> Receipt | Step:
    """What the ledger's last entry, a rollback, did."""
    last, (champion, _) = past[-1], _last(past)
    if last.role == "canary":
        return Step(last.model_version, champion or "", 0.0, last.from_as_of, changed=True)
    return Receipt(last.model_version, last.replaced, last.from_as_of, changed=True)


def champion_words(past: Sequence[Promotion], day: datetime) -> str:
    """Who is champion on a day and since when, and who is on trial beside it, as a sentence."""
    entry = ledger.in_force(past, day)
    if entry is None:
        return "nobody yet: the rules score"
    canary = canary_on(past, day)
    beside = (
        f"; model {canary.model_version} scores {canary.share:.0%} of the trials since {canary.step_from:%Y-%m-%d}"
        if canary
        else ""
    )
    return f"model {entry.model_version} since {entry.from_as_of:%Y-%m-%d}{beside}"


def _whole(version: str, models: ModelStore, from_as_of: datetime) -> Bundle:
    """The bundle of a version that may score from a day on."""
    bundle = models.load(version)
    models.load_floor(version)
    ledger.refuse_foresight(version, from_as_of, trained_as_of=datetime.fromisoformat(bundle.facts["trained_as_of"]))
    return bundle


def _append(entry: Promotion, warehouse: Warehouse) -> None:
    import pyarrow as pa

    warehouse.append(MODEL_PROMOTIONS, pa.Table.from_pylist([entry.row()], schema=arrow_schema(MODEL_PROMOTIONS)))

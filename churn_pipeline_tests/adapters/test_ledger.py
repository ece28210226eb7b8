from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.adapters import ledger as effects
from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.ledger import Receipt, Step, read_ledger
from churn_pipeline.adapters.model_store import ModelStore, ModelStoreError
from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.core.ledger import LedgerError, production_on
from churn_pipeline.settings import Settings
from churn_pipeline_tests.adapters.test_model_store import model

DAY = datetime(2024, 5, 1, tzinfo=UTC)


class Killed(BaseException):
    pass


@pytest.fixture
def models(settings: Settings, tmp_path: Path) -> ModelStore:
    store = ModelStore(database_url(settings, schema="mlflow", driver="postgresql+psycopg2"), tmp_path / "m", "demo")
    store.log(model("f1"))
    store.log(model("f2"))
    return store


def promote(version: str, warehouse: Warehouse, models: ModelStore, *, day: int = 0) -> Receipt:
    return effects.promote(
        version,
        warehouse=warehouse,
        models=models,
        from_as_of=DAY + timedelta(days=day),
        by="gate",
        verdict="log loss better",
        decided_at=DAY + timedelta(days=day, hours=2),
        run_id="run",
    )


def rollback(warehouse: Warehouse, models: ModelStore, *, day: int) -> Receipt | Step:
    return effects.rollback(
        warehouse=warehouse,
        models=models,
        from_as_of=DAY + timedelta(days=day),
        why="too many false alarms",
        decided_at=DAY + timedelta(days=day, hours=3),
        run_id="run",
    )


def champion(models: ModelStore) -> str | None:
    holder = models.champion()
    return holder.version if holder else None


def test_promotions_and_rollbacks_are_written_once_and_the_alias_follows(
    warehouse: Warehouse, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test, since MLflow takes seconds to make its tables."""
    first = promote("1", warehouse, models)
    assert (str(first), champion(models)) == ("model 1 is champion from 2024-05-01 on, in place of the rules", "1")
    with pytest.raises(LedgerError, match="model 1 is the first champion"):
        rollback(warehouse, models, day=1)

    again = promote("1", warehouse, models, day=3)
    assert str(again) == "model 1 is the champion already, on 2024-05-04"
    assert len(read_ledger(warehouse)) == 1

    assert promote("2", warehouse, models, day=10).replaced == "1"
    assert [production_on(read_ledger(warehouse), DAY + timedelta(days=n)) for n in (9, 10)] == ["1", "2"]

    with pytest.raises(ModelStoreError, match="has no version 7"):
        promote("7", warehouse, models, day=11)

    with pytest.raises(LedgerError, match="model 2 is champion from 2024-05-11 on"):
        rollback(warehouse, models, day=9)
    (damaged,) = (p for p in models.folder.rglob("bundle/logistic.json") if models.version("1").run_id in str(p))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole + b" ")
    with pytest.raises(BundleError, match=r"logistic\.json was changed"):
        rollback(warehouse, models, day=12)
    damaged.write_bytes(whole)
    assert len(read_ledger(warehouse)) == 2

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ModelStore, "set_role", killed)
        with pytest.raises(Killed):
            rollback(warehouse, models, day=12)
    assert champion(models) == "2"
    assert rollback(warehouse, models, day=12) == Receipt("1", "2", DAY + timedelta(days=12), changed=True)
    assert champion(models) == "1"
    back = read_ledger(warehouse)[-1]
    assert (back.by, back.verdict) == ("rollback", "model 2 rolled back to model 1: too many false alarms")
    assert len(read_ledger(warehouse)) == 3


def on_trial(models: ModelStore) -> str | None:
    holder = models.holder("canary")
    return holder.version if holder else None


def test_a_model_goes_on_trial_beside_the_champion_and_off_it_and_the_alias_follows(
    warehouse: Warehouse, models: ModelStore
) -> None:
    """One test, since MLflow takes seconds to make its tables."""

    def common(day: int) -> dict[str, Any]:
        at = {"from_as_of": DAY + timedelta(days=day), "decided_at": DAY + timedelta(days=day, hours=2)}
        return {"warehouse": warehouse, "models": models, "by": "person", "verdict": "why not", "run_id": "run", **at}

    with pytest.raises(LedgerError, match="nobody is champion, so there is nothing to compare it with"):
        effects.put_on_trial("2", share=0.1, **common(0))
    with pytest.raises(LedgerError, match="no model is on trial on 2024-05-01"):
        effects.end_trial(**common(0))
    promote("1", warehouse, models)
    with pytest.raises(LedgerError, match="model 1 is the champion already"):
        effects.put_on_trial("1", share=0.1, **common(1))

    begun = effects.put_on_trial("2", share=0.1, **common(1))
    assert str(begun) == "model 2 scores 10% of the trials from 2024-05-02 on, champion 1 the others"
    assert (champion(models), on_trial(models)) == ("1", "2")
    assert str(effects.put_on_trial("2", share=0.1, **common(2))).startswith("nothing has changed: model 2 scores 10%")
    effects.put_on_trial("2", share=0.5, **common(8))
    assert effects.champion_words(read_ledger(warehouse), DAY + timedelta(days=9)) == (
        "model 1 since 2024-05-01; model 2 scores 50% of the trials since 2024-05-09"
    )
    with pytest.raises(LedgerError, match="model 2 is canary from 2024-05-09 on and would stay it"):
        effects.end_trial(**common(4))

    undone = rollback(warehouse, models, day=9)
    assert str(undone) == "model 2 scores no trial any more from 2024-05-10 on, champion 1 scores all"
    assert (champion(models), on_trial(models)) == ("1", None)
    assert [(e.share, e.by, e.replaced) for e in read_ledger(warehouse) if e.role == "canary"] == [
        (0.1, "person", None), (0.5, "person", None), (0.0, "rollback", None)
    ]  # fmt: skip
    # killed between the ledger and the alias: the next attempt sets that right, and takes nothing else back
    models.set_role("canary", "2")
    assert rollback(warehouse, models, day=9) == undone
    assert (on_trial(models), len(read_ledger(warehouse))) == (None, 4)

    effects.put_on_trial("2", share=0.5, **common(10))
    assert promote("2", warehouse, models, day=20).replaced == "1"
    assert (champion(models), on_trial(models)) == ("2", None)

"""The A/B of the rollout that goes on, from the tables."""

from __future__ import annotations

from datetime import datetime, timedelta

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.ledger import read_ledger
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.rollout.arms import Arm, arms, rows
from churn_pipeline.capabilities.rollout.day import undecided
from churn_pipeline.capabilities.rollout.looks import Looks
from churn_pipeline.contracts.production import ROLLOUT_ARMS
from churn_pipeline.core.ledger import canary_on, production_on


def compare_arms(lake: Lake, warehouse: Warehouse, *, as_of: datetime) -> tuple[Arm, Arm] | None:
    """Both arms of the rollout that went on before the day's own look at it, with the day's scores; None where none did."""
    past = undecided(read_ledger(warehouse), as_of)
    canary, champion = canary_on(past, as_of), production_on(past, as_of)
    if canary is None or champion is None:
        return None
    until = as_of + timedelta(microseconds=1)
    looks = Looks(warehouse, canary.model_version, champion, canary.since, before=until)
    counted = looks.counted()
    if not any(counted.values()):
        return None
    return arms(counted, looks.shown(lake, as_of), champion=champion, canary=canary.model_version)


def write_arms(found: tuple[Arm, Arm] | None, warehouse: Warehouse, *, as_of: datetime, run_id: str) -> None:
    """Put the arms of the day in the place of earlier ones of it."""
    warehouse.replace(ROLLOUT_ARMS, rows(found, as_of=as_of, run_id=run_id), where={"as_of": as_of})

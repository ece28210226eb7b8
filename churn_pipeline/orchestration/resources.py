"""The outside world of each run, opened when a step first asks for it."""

from typing import Any

import dagster as dg

from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.writers import writing_lake, writing_warehouse
from churn_pipeline.settings import Settings


def resources(settings: Settings, clock: Clock | None = None) -> dict[str, Any]:
    """What assets may ask for by name, for one business. Nothing is opened, started or read before a run needs it."""
    return {
        "settings": settings,
        "clock": clock or Clock(),
        "lake": writing_lake,
        "tables": dg.ResourceDefinition(lambda _: _declared(settings), description="The tables that people read."),
        "warehouse": writing_warehouse,
        "studies": dg.ResourceDefinition(lambda _: Studies.of(settings), description="Searches for parameters."),
        "models": dg.ResourceDefinition(lambda _: ModelStore.of(settings), description="The model registry."),
    }


def _declared(settings: Settings) -> Warehouse:
    """The tables as declared, whoever opens them first: a daemon may meet a database that is new or of older code."""
    warehouse = Warehouse.of(settings)
    warehouse.create()
    return warehouse

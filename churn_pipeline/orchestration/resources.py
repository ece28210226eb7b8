"""The outside world of each run, opened when a step first asks for it."""

from typing import Any

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.orchestration.clock import Clock
from churn_pipeline.orchestration.writers import writing_warehouse
from churn_pipeline.settings import Settings


def resources(settings: Settings, clock: Clock | None = None) -> dict[str, Any]:
    """What assets may ask for by name, for one business. Nothing is opened, started or read before a run needs it."""
    return {
        "settings": settings,
        "clock": clock or Clock(),
        "lake": Lake.of(settings),
        "tables": dg.ResourceDefinition(lambda _: Warehouse.of(settings), description="The tables that people read."),
        "warehouse": writing_warehouse,
        "studies": dg.ResourceDefinition(lambda _: Studies.of(settings), description="Searches for parameters."),
        "models": dg.ResourceDefinition(lambda _: ModelStore.of(settings), description="The model registry."),
    }

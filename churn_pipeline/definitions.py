"""Composition root for Dagster: the capabilities, their jobs, and the resources of the business in the settings."""

import gc
from importlib import import_module

import dagster as dg

from churn_pipeline.orchestration.jobs import EVERYWHERE, JOBS
from churn_pipeline.orchestration.progress import step_lines
from churn_pipeline.orchestration.resources import resources
from churn_pipeline.orchestration.schedules import SCHEDULES
from churn_pipeline.orchestration.sensors import SENSORS
from churn_pipeline.settings import Settings, load_settings

# the libraries that a run loads hold a million objects that never die; with Python's 700 the collector walks them so often
# that it takes an eighth of a run
gc.set_threshold(50_000, 10, 10)

CAPABILITIES = (
    "simulation",
    "ingestion",
    "validation",
    "features",
    "training",
    "promotion",
    "rollout",
    "scoring",
    "monitoring",
)
"""The folders of `capabilities`; each has an `assets.py`. A new capability is one folder and one name here."""
OF_TRIALS = ("simulation",)
OTHER_WITH_A_TABLE = ("ingestion", "validation", "features")
"""Of a business that brings its own feature table the first have no assets, and the others have those of `table_assets.py`."""


def build(settings: Settings, **replaced: object) -> dg.Definitions:
    """The whole graph for one business; `replaced` puts other resources in the place of the usual ones."""
    modules = [import_module(f"churn_pipeline.capabilities.{module}") for module in _modules(settings)]
    return dg.Definitions(
        assets=dg.load_assets_from_modules(modules),
        asset_checks=dg.load_asset_checks_from_modules(modules),
        jobs=EVERYWHERE if settings.of_feature_table else JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**resources(settings), **replaced},
        loggers={"console": step_lines},
        executor=dg.in_process_executor,
    )


def _modules(settings: Settings) -> list[str]:
    if not settings.of_feature_table:
        return [f"{name}.assets" for name in CAPABILITIES]
    left = [name for name in CAPABILITIES if name not in OF_TRIALS]
    return [f"{name}.table_assets" if name in OTHER_WITH_A_TABLE else f"{name}.assets" for name in left]


defs = build(load_settings())

"""Where Dagster keeps its runs, events, schedules and the output of steps; named in dagster.yaml.

dagster.yaml is the same for everybody: these classes ask the settings, start the embedded server for whoever comes
first (the UI, the daemon, a run), and write below the data directory. They take no configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.settings import load_settings


class ChurnStorage(DagsterPostgresStorage):
    """Runs, events and schedules, in schema `dagster` of the business's database."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the database is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnStorage:
        """Called by Dagster; the database is there when this returns."""
        url = database_url(load_settings(), schema="dagster", driver="postgresql+psycopg2")
        return cls(postgres_url=url, inst_data=inst_data)


class ChurnComputeLogs(LocalComputeLogManager):
    """What steps print, in `<data_dir>/dagster/logs`."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the data directory is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnComputeLogs:
        """Called by Dagster."""
        return cls(base_dir=str(dagster_folder() / "logs"), inst_data=inst_data)


class ChurnArtifacts(LocalArtifactStorage):
    """Files that Dagster itself passes between steps, in `<data_dir>/dagster`."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the settings say where the data directory is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ChurnArtifacts:
        """Called by Dagster."""
        return cls(base_dir=str(dagster_folder()), inst_data=inst_data)


def dagster_folder() -> Path:
    """The folder of Dagster's own files."""
    return load_settings().data_dir.resolve() / "dagster"

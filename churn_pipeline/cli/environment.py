"""What every command sets up before it works: the settings, and the environment that child processes inherit."""

from __future__ import annotations

import os
from pathlib import Path

from churn_pipeline.settings import PROJECT, Settings, load_settings

QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DO_NOT_TRACK": "true",  # MLflow and Evidently; the literal word
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "False",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",  # several threads of several libraries on few cores spin more than they work
    "MPLBACKEND": "Agg",
}


def prepare(*, source: Path | None, mapping: Path | None) -> Settings:
    """The settings of a command; its options become environment variables, so that child processes see the same.

    Raises:
        SettingsError: a setting is out of its bounds.
    """
    for name, path in (("CHURN_SOURCE", source), ("CHURN_MAPPING", mapping)):
        if path is not None:
            os.environ[name] = str(path.resolve())
    for name, word in QUIET.items():
        os.environ.setdefault(name, word)
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings = load_settings()
    os.environ["CHURN_DATA_DIR"] = str(settings.data_dir.resolve())  # children work in another folder
    return settings


def prepare_known(*, source: Path | None, mapping: Path | None) -> Settings:
    """The settings of a command that only makes sense on a business that something has been run on.

    Raises:
        DatabaseError: there is no such business; none is made.
        SettingsError: a setting is out of its bounds.
    """
    from churn_pipeline.adapters.postgres import require_business

    settings = prepare(source=source, mapping=mapping)
    require_business(settings)
    return settings

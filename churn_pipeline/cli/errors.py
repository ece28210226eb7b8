"""The errors that speak for themselves: they end a command with their message, not with a traceback."""

from __future__ import annotations

import re
from contextlib import suppress

COMMAND = re.compile(r"\bchurn (dev|features|model|quarantine|retrain|run|score|source|table)\b")


def told(error: Exception, arguments: list[str]) -> str:
    """An error as the command with these arguments ends with it; where it speaks of other commands, with what those need to be about the same business."""
    said = f"{type(error).__name__}: {error}"
    given = {argument.partition("=")[0] for argument in arguments} & {"--source", "--mapping", "--config", "--table"}
    if not given or not COMMAND.search(said) or "--table" in said:
        return said
    from churn_pipeline.cli.summary import named
    from churn_pipeline.settings import SettingsError, load_settings

    with suppress(SettingsError):  # it may be what the error is about
        settings = load_settings()
        if (options := named(settings)) and options not in said:
            return f"{said}\n  also: to be about business `{settings.business}` these commands need{options}"
    return said


def foreseen() -> tuple[type[Exception], ...]:
    """Every error whose message says what was wrong and what to do."""
    from churn_pipeline.adapters.bundle import BundleError
    from churn_pipeline.adapters.lake import LakeError
    from churn_pipeline.adapters.locks import Busy
    from churn_pipeline.adapters.model_store import ModelStoreError
    from churn_pipeline.adapters.own_features import OwnFeatureError
    from churn_pipeline.adapters.postgres import DatabaseError
    from churn_pipeline.adapters.postgres_programs import EmbeddedPostgresError
    from churn_pipeline.adapters.registry import RegistryError
    from churn_pipeline.adapters.sources import SourceError
    from churn_pipeline.adapters.sources.mapping import MappingError
    from churn_pipeline.adapters.warehouse import WarehouseError
    from churn_pipeline.capabilities.scoring.rebuild import RebuildError
    from churn_pipeline.capabilities.simulation.write import SimulationError
    from churn_pipeline.capabilities.validation.dismissals import DismissalError
    from churn_pipeline.cli.dev import PortsTaken
    from churn_pipeline.cli.repaired import QuarantineError
    from churn_pipeline.cli.run import RunFailed
    from churn_pipeline.core.ledger import LedgerError
    from churn_pipeline.core.schema import SchemaError
    from churn_pipeline.settings import SettingsError

    return (
        BundleError,
        Busy,
        DatabaseError,
        DismissalError,
        EmbeddedPostgresError,
        LakeError,
        LedgerError,
        MappingError,
        ModelStoreError,
        OwnFeatureError,
        PortsTaken,
        QuarantineError,
        RebuildError,
        RegistryError,
        RunFailed,
        SchemaError,
        SettingsError,
        SimulationError,
        SourceError,
        WarehouseError,
    )

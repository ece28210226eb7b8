"""The errors that speak for themselves: they end a command with their message, not with a traceback."""

from __future__ import annotations


def foreseen() -> tuple[type[Exception], ...]:
    """Every error whose message says what was wrong and what to do."""
    from churn_pipeline.adapters.bundle import BundleError
    from churn_pipeline.adapters.lake import LakeError
    from churn_pipeline.adapters.locks import Busy
    from churn_pipeline.adapters.model_store import ModelStoreError
    from churn_pipeline.adapters.own_features import OwnFeatureError
    from churn_pipeline.adapters.postgres import DatabaseError
    from churn_pipeline.adapters.postgres_programs import EmbeddedPostgresError
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
        RunFailed,
        SchemaError,
        SettingsError,
        SimulationError,
        SourceError,
        WarehouseError,
    )

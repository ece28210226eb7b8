"""What every command sets up before it works: the settings, and the environment that child processes inherit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churn_pipeline.cli.feature_table import TableOptions, write_mapping
from churn_pipeline.core.addresses import has_password
from churn_pipeline.settings import PROJECT, Settings, SettingsError, load_settings

QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DO_NOT_TRACK": "true",  # MLflow and Evidently; the literal word
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "False",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",  # several threads of several libraries on few cores spin more than they work
    # NumPy asks for huge pages, and where memory is fragmented the kernel moves memory about to make some: 31 s of a `make run` on one machine
    "NUMPY_MADVISE_HUGEPAGE": "0",
    "MPLBACKEND": "Agg",
}


def prepare(
    *, source: str | None, mapping: Path | None, table: TableOptions | None = None, into: Path | None = None
) -> Settings:
    """The settings of a command; its options become environment variables, so that child processes see the same.

    What is said of a feature table becomes a mapping file: in the folder of the business, or in `into`, where it is only
    looked at.

    Raises:
        SettingsError: a setting is out of its bounds, or a password stands in the command.
        SourceError: a feature table cannot be read, or has no column of a name.
    """
    # first, for libraries that are loaded to look at a table read them once
    for name, word in QUIET.items():
        os.environ.setdefault(name, word)
    if source is not None:
        _name_source(source)
    if table is not None and table.given:
        mapping = _table_mapping(table, source=source, mapping=mapping, into=into)
    if mapping is not None:
        os.environ["CHURN_MAPPING"] = str(mapping.resolve())
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings = load_settings()
    os.environ["CHURN_DATA_DIR"] = str(settings.data_dir.resolve())  # children work in another folder
    if settings.own_features is not None:
        os.environ["CHURN_OWN_FEATURES"] = str(settings.own_features.resolve())
    return settings


def _table_mapping(table: TableOptions, *, source: str | None, mapping: Path | None, into: Path | None) -> Path:
    """What is said of a feature table, as a mapping file; it says where the table is, whatever the environment says."""
    if mapping is not None:
        raise SettingsError(
            f"--mapping says what the source is, and so do {', '.join(table.given)}\n  do: say it in one place"
        )
    if source is None or "://" not in source:
        for name in ("CHURN_SOURCE", "CHURN_SOURCE_URL"):
            os.environ.pop(name, None)
    return write_mapping(table, source=source, into=into)


def prepare_known(*, source: str | None, mapping: Path | None) -> Settings:
    """The settings of a command that only makes sense on a business that something has been run on.

    Raises:
        DatabaseError: there is no such business; none is made.
        SettingsError: a setting is out of its bounds.
    """
    from churn_pipeline.adapters.postgres import require_business

    settings = prepare(source=source, mapping=mapping)
    require_business(settings)
    return settings


def prepare_records(*, source: str | None, mapping: Path | None, known: bool = False) -> Settings:
    """The settings of a command that is about raw records; `known`: something has to have been run on the business.

    Raises:
        DatabaseError: it has to, and has not.
        SettingsError: the business brings its own feature table, or a setting is out of its bounds.
    """
    settings = prepare(source=source, mapping=mapping)
    if settings.of_feature_table:
        raise SettingsError(
            f"business {settings.business} brings its own feature table, and no raw records: there is nothing here for this command.\n"
            "  do: mend the table itself; every run reads it whole (docs/feature-table.md)"
        )
    if known:
        from churn_pipeline.adapters.postgres import require_business

        require_business(settings)
    return settings


@contextmanager
def leaving_nothing_empty(settings: Settings) -> Iterator[None]:
    """Where the block makes a folder of the business and puts nothing into it, that folder is gone afterwards."""
    made = [folder for folder in (settings.home / "spill", settings.home, settings.data_dir) if not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # it is not there, or something is in it
                folder.rmdir()


def _name_source(source: str) -> None:
    """A folder or the address of a database, in the place of what the environment named."""
    for name in ("CHURN_SOURCE", "CHURN_SOURCE_URL"):
        os.environ.pop(name, None)
    if "://" not in source:
        os.environ["CHURN_SOURCE"] = str(Path(source).resolve())
    elif has_password(source):
        raise SettingsError(
            "a password stands in the command, where everybody on this machine can read it.\n"
            "  do: write ${NAME} in its place (in single quotes) and put it into the environment under that name"
        )
    else:
        os.environ["CHURN_SOURCE_URL"] = source

"""A team's own feature table on the command line: what the options say is written down as a mapping file, and looked at."""

from __future__ import annotations

import glob
import os
import shlex
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from churn_pipeline.cli.former_options import room
from churn_pipeline.core.addresses import business_of
from churn_pipeline.core.clock import midnight_after
from churn_pipeline.settings import Settings, SettingsError, load_settings
from churn_pipeline.settings.mapping import document

FILE = "feature_table.yaml"
"""Mapping file in the folder of the business that holds what the options said."""
LONGEST = 40
"""Letters of the name of a business."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What the command line says of a feature table; columns of `drop` and `keep` are apart by commas."""

    table: str | None = None
    id: str | None = None
    label: str | None = None
    positive: str | None = None
    time: str | None = None
    segment: str | None = None
    drop: str | None = None
    keep: str | None = None

    @property
    def given(self) -> list[str]:
        """The options that were given."""
        return [f"--{name}" for name in self.__slots__ if getattr(self, name) is not None]

    def words(self, source: str | None) -> str:
        """The options as they are written on the command line, with that of the source."""
        said = {"source": source, **{name: getattr(self, name) for name in self.__slots__}}
        return "".join(f" --{name} {shlex.quote(word)}" for name, word in said.items() if word is not None)


def write_mapping(options: TableOptions, *, source: str | None, into: Path | None = None) -> Path:
    """Write what the options say as a mapping file into the folder of the business, which is called after the table.

    Where nothing has come yet of what was run under the name, neither a model nor a score, other options take the place of
    the former ones, and what had been staged is forgotten. `into` is a folder to write into where the table is only looked at.

    Raises:
        SettingsError: an option is missing or contradicts another, the file is not there, the file of the business says more
            than options can or cannot be read, its models and scores mean something else, or the database that has them is not named.
        SourceError: the file cannot be read, or has no column of a name.
        Busy: something is being run under the name, with other options.
    """
    said = _said(options, source)
    _require_one_use(said)
    if into is not None:
        return _written_to(into / FILE, said)
    with TemporaryDirectory(prefix="churn-look-") as folder:
        settings = load_settings(mapping=_written_to(Path(folder) / FILE, said))
        path = settings.data_dir.resolve() / settings.business / FILE
        before = _written(path)
        _require_no_more(path, before)
        if before == said:
            return path
        if before or "settings" in said:  # a table of a database would have to be copied to look at it
            _require_columns(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        with room(settings, before, said):
            return _written_to(path, said)


def _said(options: TableOptions, source: str | None) -> dict[str, Any]:
    lacking = [f"--{name}" for name in ("table", "label", "positive") if getattr(options, name) is None]
    if lacking or options.table is None:
        raise SettingsError(
            f"a feature table is named by --table, --label and --positive; missing: {', '.join(lacking)}\n"
            "  do: churn run --table FILE --label COLUMN --positive VALUE [--id COLUMN] [--time COLUMN]"
        )
    place, name = (None, options.table) if source is not None and "://" in source else _file(options.table, source)
    called = options.table if place is None else Path(options.table).name.split(".")[0]
    said: dict[str, Any] = {"business": business_of(called)[:LONGEST].rstrip("_")}
    if place is not None:
        said["settings"] = {"source": str(place)}
    columns = {key: getattr(options, key) for key in ("id", "label", "positive", "time", "segment")}
    lists = {
        key: [c.strip() for c in (getattr(options, key) or "").split(",") if c.strip()] for key in ("drop", "keep")
    }
    return said | {"feature_table": {"from": name} | {key: word for key, word in (columns | lists).items() if word}}


def _written_to(path: Path, said: dict[str, Any]) -> Path:
    """Write a mapping file; whoever reads it meanwhile has the one before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
    return beside.replace(path)


def _require_one_use(said: dict[str, Any]) -> None:
    from pydantic import ValidationError

    from churn_pipeline.adapters.sources.mapping import TableSpec

    try:
        TableSpec.model_validate(said["feature_table"])
    except ValidationError as error:
        reasons = "; ".join(offence["msg"].removeprefix("Value error, ") for offence in error.errors())
        raise SettingsError(
            f"the options contradict each other: {reasons}\n  do: name each column for one use"
        ) from None


def _require_columns(settings: Settings) -> None:
    from churn_pipeline.adapters.lake import Lake
    from churn_pipeline.adapters.sources import opened
    from churn_pipeline.adapters.sources.mapping import feature_table
    from churn_pipeline.capabilities.ingestion.description import beside
    from churn_pipeline.capabilities.ingestion.feature_table import require_named

    with opened(settings) as source, beside(Lake.of(settings)) as lake:
        require_named(lake, source, feature_table(settings.mapping))


def edited(path: Path) -> bool:
    """Whether a mapping file says more than options can: a person wrote into it."""
    return bool(_more(_written(path)))


def _written(path: Path) -> dict[str, Any]:
    """What a mapping file says; nothing where there is none."""
    return document(path) if path.exists() and path.read_bytes().strip() else {}


def _more(said: dict[str, Any]) -> list[str]:
    """What options cannot say."""
    columns = (said.get("feature_table") or {}).keys() - {"from", *TableOptions.__slots__}
    settings = {f"settings.{name}" for name in (said.get("settings") or {}).keys() - {"source"}}
    return sorted({*columns, *settings, *(said.keys() - {"business", "settings", "feature_table"})})


def _require_no_more(path: Path, before: dict[str, Any]) -> None:
    if more := _more(before):
        raise SettingsError(
            f"{path} says more than the options: {', '.join(more)}\n  do: run with --mapping {path} in the place of the options"
        )


def _file(table: str, source: str | None) -> tuple[Path, str]:
    if source and Path(table).is_absolute():
        raise SettingsError(
            f"--table {table} is a whole path, and --source {source} names another place\n  do: leave --source out, or name the file within it"
        )
    path = (Path(source) / table if source else Path(table)).resolve()
    if not path.is_file():
        raise SettingsError(
            f"{path}: there is no such file\n  do: name the file of the feature table, or, with --source ADDRESS, a table of that database"
        )
    return path.parent, glob.escape(path.name)


def day_of_table(settings: Settings, *, now: datetime) -> date:
    """The day as of which a table is run: that after its newest time, or today where it names no time.

    Raises:
        SourceError: there is no such file, table or column.
    """
    from churn_pipeline.adapters.lake import Lake
    from churn_pipeline.adapters.sources import opened
    from churn_pipeline.adapters.sources.mapping import feature_table
    from churn_pipeline.capabilities.ingestion.feature_table import newest_time

    with opened(settings) as source:
        newest = newest_time(Lake.of(settings), source, feature_table(settings.mapping), now=now)
    return midnight_after(newest).date() if newest is not None else now.date()

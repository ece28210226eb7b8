"""The source that the settings name, opened for one reading: a folder as it is, a database as a copy of its tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_pipeline.adapters.sources.database import Copied, catalogue, copy_tables
from churn_pipeline.adapters.sources.increments import Increment, Watermark, increment
from churn_pipeline.adapters.sources.mapping import Files, load_mapping
from churn_pipeline.adapters.sources.mapping import Mapping as SourceMapping
from churn_pipeline.adapters.sources.source import KEYS, QUERY, Source, copy_of, open_source
from churn_pipeline.contracts.feature_table import NAME as FEATURE_TABLE
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.addresses import shown
from churn_pipeline.settings import Settings

COPIES = "copies"
"""Folder of the business in which a run copies tables; only the one writer uses it."""


@contextmanager
def opened(
    settings: Settings, marks: Mapping[str, Watermark] | None = None, *, writer: bool = False
) -> Iterator[Source]:
    """The source of the settings, as it is now, for as long as the block runs.

    Tables of a database that have a watermark are copied from there on, less the look-back. `writer`: this process is
    the one writer of the business, so that copies lie beside the lake and what a killed process left is removed.

    Raises:
        SourceError: there is no such folder, or the database cannot be entered or read to the end.
        MappingError: the mapping breaks its rules.
    """
    url = settings.source_database
    if url is None:
        yield open_source(settings.source_folder, settings.mapping)
        return
    place = settings.home / COPIES if writer else None
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    with TemporaryDirectory(prefix="churn-copy-", dir=place) as folder:
        yield _copied(url, Path(folder), settings, marks or {})


def _copied(url: str, folder: Path, settings: Settings, marks: Mapping[str, Watermark]) -> Source:
    mapping = load_mapping(settings.mapping) if settings.mapping else SourceMapping()
    there = catalogue(url)
    increments: dict[str, Increment] = {}
    copies: list[Copied] = []
    for table in RAW_TABLES:
        spec = _spec(table, mapping, there)
        if spec is None:
            continue
        own = [column for name in spec.patterns for column in there.get(name, ())]
        by = increment(
            table,
            mapping.tables.get(table.name),
            own,
            address=shown(url),
            marks=marks,
            look_back=timedelta(days=settings.look_back_days),
            look_back_rows=settings.look_back_rows,
        )
        if by is not None and by.since is not None and compares_keys(mapping, table):
            keys = _key_columns(mapping, table)
            if keys:
                copies += [replace(one, columns=keys) for one in _copies(folder, f"{KEYS}/{table.name}", spec, None)]
            else:
                by = replace(by, since=None)
        copies += _copies(folder, table.name, spec, by)
        increments |= {table.name: by} if by else {}
    if mapping.feature_table is not None:
        copies += _copies(folder, FEATURE_TABLE, mapping.feature_table.files, None)
    for label, spec in mapping.files.items():
        if any(label in (mapped.select or "") for mapped in mapping.tables.values()):
            copies += _copies(folder, label, spec, None)
    return Source(folder, mapping, settings.mapping, shown(url), increments, copy_tables(url, copies))


def _spec(table: Table, mapping: SourceMapping, there: Mapping[str, object]) -> Files | None:
    """What a raw table is read from column by column; null where it is not there, or comes by a SELECT."""
    mapped = mapping.tables.get(table.name)
    if mapped is not None:
        return mapped.files
    return Files(patterns=(table.name,)) if table.name in there else None


def compares_keys(mapping: SourceMapping, table: Table) -> bool:
    """Whether records that are not in the source any more count as deleted."""
    mapped = mapping.tables.get(table.name)
    return mapped is not None and mapped.deletes is not None


def _key_columns(mapping: SourceMapping, table: Table) -> tuple[str, ...]:
    """The columns of the source that make the key; none where it is computed, so that whole rows are needed."""
    mapped = mapping.tables[table.name].columns
    taken = [mapped[column].column if column in mapped else column for column in table.key]
    return tuple(column for column in taken if column is not None) if None not in taken else ()


def _copies(folder: Path, label: str, spec: Files, by: Increment | None) -> list[Copied]:
    asked = [Copied(copy_of(folder, label, table), table=table) for table in spec.patterns]
    if spec.query:
        asked = [Copied(copy_of(folder, label, QUERY), query=spec.query)]
    return [replace(one, cursor=by.cursor, since=by.since) for one in asked] if by is not None else asked

"""Repaired rows come in by the door that their originals came in by: as a source of their own, through the mapping."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.sources import Source, open_source
from churn_pipeline.adapters.sources.mapping import Files
from churn_pipeline.capabilities.ingestion.staging import Staged, stage_table
from churn_pipeline.contracts.lake import REPAIRED_ROWS
from churn_pipeline.contracts.raw import RAW_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

ISSUES = "issues.parquet"
"""Which issue each line of a batch repairs."""


def write_batch(folder: Path, rows: pa.Table) -> str:
    """Write repaired rows as a batch in `folder` and give its name, a fingerprint of the rows.

    `rows` has `table_name`, `row` (a JSON object, with the columns that the source's files have) and `issue_id` (null:
    repairs none). A batch is one file of JSON lines a table; the same rows are the same batch.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    files, links = {}, []
    for table in RAW_TABLES:
        own = rows.filter(pc.equal(rows["table_name"], table.name))
        if own.num_rows:
            lines = pc.replace_substring(own["row"], "\n", " ").to_pylist()
            files[f"{table.name}.jsonl"] = "".join(f"{line}\n" for line in lines)
            numbers = pa.array(range(1, own.num_rows + 1), pa.int64())
            links.append(own.select(["table_name", "issue_id"]).append_column("line", numbers))
    batch = sha256("".join(name + text for name, text in files.items()).encode()).hexdigest()[:12]
    (folder / batch).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / batch / name).write_text(text, encoding="utf-8")
    pq.write_table(pa.concat_tables(links), folder / batch / ISSUES)
    return batch


def open_batch(folder: Path, mapping: Path | None) -> Source:
    """A batch of repaired rows as a source; what the mapping says of columns holds for them as it stands now.

    Rows of a table that is mapped by a whole SELECT have the columns that the SELECT gives.

    Raises:
        SourceError: there is no such batch.
        MappingError: the mapping breaks its rules.
    """
    source = open_source(folder, mapping)
    if source.mapping is None:
        return source
    tables = {
        table: mapped.model_copy(update={"files": Files(patterns=(f"{table}.jsonl",)), "cursor": None, "deletes": None})
        for table, mapped in source.mapping.tables.items()
        if mapped.files is not None and (folder / f"{table}.jsonl").exists()
    }
    return replace(source, mapping=source.mapping.model_copy(update={"tables": tables}))


def stage_batch(
    lake: Lake, folder: Path, mapping: Path | None, *, as_of: datetime, read_at: datetime
) -> tuple[Staged, ...]:
    """Read, type and judge a batch, and write it beside the day's own; gives the tables it has rows of.

    Raises:
        SourceError: there is no such batch, or the mapping asks for a column that its rows do not have.
        MappingError: the mapping breaks its rules.
    """
    source = open_batch(folder, mapping)
    staged = [stage_table(lake, source, table, as_of=as_of, read_at=read_at, batch=folder.name) for table in RAW_TABLES]
    links = f"select {quoted(folder.name)} as batch, table_name, line, issue_id from read_parquet({quoted(folder / ISSUES)})"
    with lake.engine.connection() as connection:
        lake.write(connection, REPAIRED_ROWS.name, as_of, links)
    return tuple(table for table in staged if table.files)

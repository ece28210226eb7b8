from __future__ import annotations

import gzip
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from churn_pipeline.adapters.sources import Source, SourceError, open_source
from churn_pipeline.contracts.derive.duckdb import duckdb_type
from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline_tests.batches import (
    clean_source,
    empty_lake,
    stage,
    staged_rows,
    trial,
    write_csv,
)


def typed(source: Source, table: Table, folder: Path) -> list[tuple[Any, ...]]:
    """The contract columns of the staged rows of a table, sorted."""
    lake = empty_lake(folder)
    stage(lake, source, dict.fromkeys((TRIALS, table)))
    return sorted((tuple(row[c] for c in table.names) for row in staged_rows(lake, table)), key=repr)


@pytest.mark.parametrize("table", [TRIALS, EVENTS, SUBSCRIPTIONS])
def test_csv_gzipped_csv_and_parquet_give_the_same_rows(table: Table, tmp_path: Path) -> None:
    plain = clean_source(tmp_path / "plain")
    zipped, columnar = Source(tmp_path / "zipped"), Source(tmp_path / "columnar")
    zipped.folder.mkdir()
    columnar.folder.mkdir()
    for file in plain.folder.glob("*.csv"):
        (zipped.folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    for t in (TRIALS, EVENTS, SUBSCRIPTIONS):
        file = plain.folder / f"{t.name}.csv"
        header = file.read_text().splitlines()[0].split(",")
        types = ", ".join(f"'{c}': '{duckdb_type(t.column(c).type)}'" for c in header)
        duckdb.connect().execute(
            f"set TimeZone = 'UTC'; copy (select * from read_csv('{file}', types = {{{types}}}, header = true)) "
            f"to '{columnar.folder / t.name}.parquet'"
        )
    rows = [typed(source, table, tmp_path / source.folder.name / "out") for source in (plain, zipped, columnar)]
    assert len(rows[0]) in {40, 10}
    assert rows[0] == rows[1] == rows[2]


def test_nanoseconds_zones_and_floats_of_parquet_are_read_exactly(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    (source.folder / "subscriptions.csv").unlink()
    duckdb.connect().execute(
        "copy (select 's1' as subscription_id, 't1' as trial_id, timestamp_ns '2024-05-25 01:02:03.123456789' as started_at, "
        f"0.1::double as mrr, 7.0::double as plan) to '{source.folder}/subscriptions.parquet'"
    )
    (row,) = typed(source, SUBSCRIPTIONS, tmp_path)
    named = dict(zip(SUBSCRIPTIONS.names, row, strict=True))
    assert named["started_at"].isoformat() == "2024-05-25T01:02:03.123456+00:00"
    assert named["mrr"] == Decimal("0.1000")


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_turned(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    starts = ["2024-05-01 08:00", "2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00Z"]
    write_csv(source.folder / "trials.csv", [trial(n, started_at=start) for n, start in enumerate(starts)])
    moments = {row[TRIALS.names.index("started_at")].isoformat() for row in typed(source, TRIALS, tmp_path)}
    assert moments == {"2024-05-01T08:00:00+00:00"}


def test_sql_of_a_mapping_that_fails_on_a_value_names_mapping_and_table(tmp_path: Path) -> None:
    source = clean_source(tmp_path / "source")
    write_csv(source.folder / "trials.csv", [trial(1, company_size="secret")])
    mapping = tmp_path / "acme.yaml"
    mapping.write_text('tables: {trials: {from: trials.csv, columns: {company_size: {sql: "company_size::int + 1"}}}}')
    with pytest.raises(
        SourceError,
        match=r"acme\.yaml, table trials: a value stops the reading of column company_size\n.*do: use try_cast",
    ) as caught:
        stage(empty_lake(tmp_path), open_source(source.folder, mapping), [TRIALS])
    assert "secret" not in "".join(traceback.format_exception(caught.value))

"""The rules as they score a business where no model can: from what its own records tell by the day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.engine import name
from churn_pipeline.adapters.feature_table import read_columns
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.feature_table import NAME as FEATURE_TABLE
from churn_pipeline.contracts.features.catalogue import feature
from churn_pipeline.contracts.lake import LABELS
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.clock import sql_instant
from churn_pipeline.core.feature_table import labelled_query
from churn_pipeline.core.rules import RULES, RulesScorer

if TYPE_CHECKING:
    import duckdb

UNKNOWN_BASE_RATE = 0.5


def rules(lake: Lake, as_of: datetime) -> RulesScorer:
    """The rules, from the conversion rate known by the day; silent on features whose raw columns no record ever filled.

    Of a team's own feature table they know nothing: there everybody has the conversion rate.
    """
    unknown = read_columns(lake, as_of) is not None
    silent = frozenset(rule.feature for rule in RULES) if unknown else never_told(lake, as_of)
    return RulesScorer(base_rate(lake, as_of), silent)


def base_rate(lake: Lake, as_of: datetime) -> float:
    """Conversion rate of the trials matured by the day (of a feature table: of its labelled rows), smoothed; a half where there is none."""
    table = read_columns(lake, as_of)
    known = f"select converted from ({lake.rows(LABELS.name, as_of)})"
    if table is not None:
        known = labelled_query(table, lake.rows(FEATURE_TABLE, as_of), sql_instant(as_of))
    with lake.engine.connection() as connection:
        counted = connection.execute(f"select count(*), count(*) filter (converted) from ({known})").fetchone()
    n, k = counted or (0, 0)
    return float((k + 1) / (n + 2)) if n else UNKNOWN_BASE_RATE


def never_told(lake: Lake, as_of: datetime) -> frozenset[str]:
    """Features of the rules that need an optional raw column which none of the records known by then fills.

    Counted they would be 0 for every trial, whatever it does: the source does not tell.
    """
    needs = {rule.feature: feature(rule.feature).needs for rule in RULES}
    columns = {need for needed in needs.values() for need in needed}
    tables = [table for table in RAW_TABLES if any(need.startswith(f"{table.name}.") for need in columns)]
    with lake.engine.connection() as connection:
        lake.known(connection, tables, before=as_of)
        filled = {need for need in columns if _filled(connection, *need.split("."))}
    return frozenset(told for told, needed in needs.items() if not filled.issuperset(needed))


def _filled(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    found = connection.execute(f"select 1 from {name(table)} where {name(column)} is not null limit 1").fetchall()
    return bool(found)

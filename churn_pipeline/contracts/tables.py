"""The register of every declared table. A new table is one declaration and one name here."""

from __future__ import annotations

from churn_pipeline.contracts.analytics import ANALYTICS_TABLES
from churn_pipeline.contracts.lake import LAKE_TABLES
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Table

TABLES: tuple[Table, ...] = (*RAW_TABLES, *LAKE_TABLES, *ANALYTICS_TABLES)


def table(name: str) -> Table:
    """The declared table of that name.

    Raises:
        KeyError: no such table is declared.
    """
    for declared in TABLES:
        if declared.name == name:
            return declared
    raise KeyError(f"no table {name!r} is declared; declared are: {', '.join(t.name for t in TABLES)}")

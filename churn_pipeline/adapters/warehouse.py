"""The tables that people read: PostgreSQL, written in whole transactions.

Bulk rows travel by ADBC (binary COPY from Arrow). A day is replaced by DELETE and ingest in one transaction: a reader
sees the old day or the new one, and a writer that dies leaves the old one. Errors name table, rule and what is allowed;
they never carry the row that was refused, which may hold personal data.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.postgres import connect, located
from churn_pipeline.contracts.analytics import ANALYTICS_TABLES, ANALYTICS_VIEWS
from churn_pipeline.contracts.derive import ddl
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.spec import Table, View

if TYPE_CHECKING:
    import psycopg2.extensions
    import pyarrow as pa


class WarehouseError(Exception):
    """Rows were refused; says which table, which rule and what is allowed, never the row."""


class Busy(Exception):  # noqa: N818
    """Another process holds the lock; says who and since when."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The tables of one business."""

    url: str = field(repr=False)
    schema: str = "analytics"

    def create(self, tables: Iterable[Table] = ANALYTICS_TABLES, views: Iterable[View] = ANALYTICS_VIEWS) -> None:
        """Bring the schema up to the declarations: tables, rules, comments, views; nothing changes where they are met.

        A table that is there is altered, never rebuilt: new columns are added, new bounds hold for new rows.
        """
        tables = tuple(tables)
        views = tuple(view for view in views if view.of in tables)
        with closing(connect(self.url)) as connection, connection, connection.cursor() as cursor:
            if _declared(cursor, self.schema) == {key: _fingerprint(key) for key in (*tables, *views)}:
                return
''' if False else '''"""The tables that people read: PostgreSQL, written in whole transactions.

Bulk rows travel by ADBC (binary COPY from Arrow). A day is replaced by DELETE and ingest in one transaction: a reader
sees the old day or the new one, and a writer that dies leaves the old one. Errors name table, rule and what is allowed;
they never carry the row that was refused, which may hold personal data.
"""
''' if False else ''

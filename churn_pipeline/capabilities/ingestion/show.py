"""What the UI shows of a feature table that was read."""

from __future__ import annotations

from typing import Any

from churn_pipeline.capabilities.ingestion.feature_table import Looked
from churn_pipeline.capabilities.ingestion.staging import Staged
from churn_pipeline.core.spelling import listed
from churn_pipeline.orchestration.metadata import rows


def describe_looked(looked: Looked, staged: Staged) -> dict[str, Any]:
    """How many rows of which label, and what each column is for."""
    columns = [(c.name, c.kind, c.use.replace("_", " "), c.because, _auc(looked, c.name)) for c in looked.table.columns]
    return {
        "dagster/row_count": len(columns),
        "rows": staged.rows,
        "files": listed([file.file for file in staged.files]),
        "rows to score": looked.unlabelled,
        "labels": rows(("label", "rows"), looked.labels.items()),
        "columns": rows(("column", "read as", "used as", "because", "AUC alone"), columns),
    }


def _auc(looked: Looked, column: str) -> str:
    seen = looked.seen.get(column)
    return f"{seen.auc:.3f}" if seen is not None and seen.auc is not None else ""

"""The drift of a day as an Evidently report: one HTML file that opens without a network.

Evidently gets the columns already cut into the shared bins, as categories: its own PSI of them is then the number in
table `drift`, its threshold the one of the table, a missing value shows as a bin, and nothing personal is in the file.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.capabilities.monitoring.drift import STATISTIC, Drift, Shift

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot


MOST_PICTURES = 20
"""Columns that are drawn, the farthest from where chance leaves them first: nobody looks at more, and each takes its time."""


class ReportError(Exception):
    """Evidently measured another drift than the table says: one of the two has changed its formula."""


def save_report(drift: Drift, path: Path, *, drift_share: float) -> Path:
    """Write the report of a day to `path` and give it back; an older file is replaced in one step.

    Every column is counted, the `MOST_PICTURES` that moved farthest are drawn; `drift_share` is the share of drifted columns that Evidently's headline
    calls dataset drift.

    Raises:
        ReportError: Evidently's distances are not those of `drift`.
        ValueError: nothing was compared, so there is nothing to report.
    """
    if not drift.shifts:
        raise ValueError(f"no drift report: {drift}")
    # Evidently and Plotly warn about their own use of pandas and numpy; none of it concerns the figures
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        snapshot = _run(drift, drift_share)
        _check(drift, _distances(snapshot))
        page = snapshot.get_html_str(as_iframe=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".html.new")
    beside.write_text(page, encoding="utf-8")
    return beside.replace(path)


def _run(drift: Drift, drift_share: float) -> Snapshot:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    names = [shift.feature for shift in drift.farthest]
    thresholds = {shift.feature: shift.threshold for shift in drift.shifts}
    definition = DataDefinition(categorical_columns=names)
    reference, current = (
        Dataset.from_pandas(_frame(drift, side), data_definition=definition) for side in ("reference", "current")
    )
    counted = DriftedColumnsCount(
        columns=names, method=STATISTIC, per_column_threshold=thresholds, drift_share=drift_share
    )
    each = [ValueDrift(column=name, method=STATISTIC, threshold=thresholds[name]) for name in names[:MOST_PICTURES]]
    return Report([counted, *each]).run(current, reference)


def _frame(drift: Drift, side: str) -> pd.DataFrame:
    """One sample as words, one column a feature. Scores have fewer rows than features: the rest stays empty."""
    import pandas as pd

    return pd.DataFrame({shift.feature: pd.Series(_words(shift, side)) for shift in drift.shifts})


def _words(shift: Shift, side: str) -> list[str]:
    numbered = np.array([f"{place:02d}: {label}" for place, label in enumerate(shift.columns.labels, start=1)], object)
    return list(numbered[getattr(shift.columns, side)])


def _distances(snapshot: Snapshot) -> dict[str, float]:
    """What Evidently measured, by column."""
    found = (metric for metric in snapshot.dict()["metrics"] if "column" in metric["config"])
    return {metric["config"]["column"]: float(metric["value"]) for metric in found}


def _check(drift: Drift, seen: dict[str, float]) -> None:
    wrong = [
        f"  {s.feature}: Evidently {seen.get(s.feature)}, table {s.distance}"
        for s in drift.farthest[:MOST_PICTURES]
        if not np.isclose(seen.get(s.feature, np.nan), s.distance, rtol=1e-9, atol=1e-12)
    ]
    if wrong:
        raise ReportError(
            "Evidently's PSI is not the one of table drift:\n" + "\n".join(wrong) + "\n"
            "  do: compare monitoring/drift.py (psi) with evidently's stattests/psi.py of the installed version"
        )

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.capabilities.monitoring.comparison import Comparison
from churn_pipeline.capabilities.monitoring.drift import SCORE, Drift, measure
from churn_pipeline.capabilities.monitoring.report import ReportError, save_report

# Evidently takes seconds to import
pytestmark = pytest.mark.flow


def sample(rng: np.random.Generator, rows: int, more: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "actions": rng.poisson(3 + more, rows).astype(float),
            "minutes": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(more, 1, rows)),
            "plan": rng.choice(np.array(["basic", "pro", None]), rows),
            "nobody_knows": np.nan,
            SCORE: rng.beta(2, 3, rows),
        }
    )


@pytest.fixture(scope="module")
def drift() -> Drift:
    """Two of four features moved; scores are compared on fewer rows; a bin is empty on one side."""
    rng = np.random.default_rng(1)
    then, now = sample(rng, 12_000), sample(rng, 400, more=1.0)
    then.loc[then["actions"] > 8, "actions"] = 8
    return measure(
        Comparison(then, now),
        Comparison(then[:500], now[:100]),
        ["actions", "minutes", "plan", "nobody_knows"],
        false_alarm=0.01,
        min_distance=0.02,
        rng=rng,
    )


def test_the_report_measures_what_the_table_says_and_opens_without_a_network(drift: Drift, tmp_path: Path) -> None:
    path = save_report(drift, tmp_path / "reports" / "drift.html", drift_share=0.3)
    page = path.read_text(encoding="utf-8")
    assert set(drift.drifted) == {"actions", "minutes"}
    loaded = re.findall(r"""(?:src|href)=["']((?:https?:)?//[^"']*)|url\(["']?(https?://)|@import (?:url|["'])""", page)
    assert loaded == [("https://plotly.com/", "")], "the one link is Plotly's logo, which loads nothing"
    assert "minutes" in page
    assert [p.name for p in path.parent.iterdir()] == ["drift.html"]


def test_a_report_that_measures_something_else_is_refused(drift: Drift, tmp_path: Path) -> None:
    first, *others = drift.shifts
    other = Drift((replace(first, distance=first.distance + 0.001), *others))
    with pytest.raises(ReportError, match=r"actions: Evidently 0\.\d+, table 0\.\d+"):
        save_report(other, tmp_path / "drift.html", drift_share=0.3)
    assert not (tmp_path / "drift.html").exists()


def test_the_columns_nobody_would_look_at_are_counted_but_not_drawn(
    drift: Drift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn_pipeline.capabilities.monitoring.report.MOST_PICTURES", 2)
    page = save_report(drift, tmp_path / "drift.html", drift_share=0.3).read_text(encoding="utf-8")
    titles = re.findall(r"Drift in column '(\w+)'", page)
    assert titles == list(drift.drifted)


def test_a_day_without_a_comparison_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no drift report: not compared"):
        save_report(Drift(()), tmp_path / "drift.html", drift_share=0.3)

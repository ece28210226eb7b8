from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn_pipeline.capabilities.features.spread import Spread, spread
from churn_pipeline.contracts.features.own import OwnFeature
from churn_pipeline_tests.worlds import BEGIN, SmallWorld, landed

pytestmark = pytest.mark.flow

NUMBER = OwnFeature("number", "How many.", "{value}", "count(*)")
GREATEST = OwnFeature("greatest", "The greatest.", "{value}", "max(value)", absent="carried nothing")
MAILS = OwnFeature("mails", "Mails.", "{value}", "count(*)", over="touches")
DAY = BEGIN + timedelta(days=3)


def shop() -> SmallWorld:
    """Two trials that run, with one event and with two; one of the three carries a value."""
    trials = [{"trial_id": name, "account_id": name, "started_at": BEGIN, "trial_days": 14} for name in "ab"]
    events = [("a", 5.0), ("b", None), ("b", None)]
    return SmallWorld(
        trials=tuple(trials),
        events=tuple(
            {"event_id": f"e{n}", "trial_id": trial, "event_name": "x", "occurred_at": DAY - timedelta(hours=n + 1), "value": value}
            for n, (trial, value) in enumerate(events)
        ),
    )  # fmt: skip


def told(folder: Path, *own: OwnFeature, as_of: datetime = DAY) -> tuple[Spread, ...]:
    with landed(shop(), folder) as (lake, _):
        return spread(lake, own, as_of=as_of)


def test_each_feature_is_told_with_its_values_in_the_order_of_the_files(tmp_path: Path) -> None:
    assert told(tmp_path, NUMBER, GREATEST) == (
        Spread("number", looks=2, known=2, least=1.0, mean=1.5, most=2.0),
        Spread("greatest", looks=2, known=1, least=5.0, mean=5.0, most=5.0),
    )


def test_a_line_says_where_there_is_nothing() -> None:
    assert str(Spread("mails", 7, 0, 0.0, 0.0, 0.0)) == "mails: no value at any of 7 running trials"
    said = "number: least 1, mean 1.5, greatest 2; has a value at 2 of 2 running trials"
    assert str(Spread("number", 2, 2, 1.0, 1.5, 2.0)) == said


def test_where_no_trial_runs_each_is_told_all_the_same(tmp_path: Path) -> None:
    (mails,) = told(tmp_path, MAILS, as_of=BEGIN + timedelta(days=99))
    assert mails == Spread("mails", looks=0, known=0, least=0.0, mean=0.0, most=0.0)


def test_without_features_of_their_own_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert told(tmp_path) == ()

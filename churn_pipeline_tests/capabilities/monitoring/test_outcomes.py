from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.capabilities.monitoring.outcomes import outcomes
from churn_pipeline.contracts.analytics import SCORE_OUTCOMES, SCORES
from churn_pipeline.contracts.derive.arrow import arrow_schema

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def days(count: int) -> datetime:
    return DAY + timedelta(days=count)


def score(trial: str, day: int, probability: float = 0.4) -> dict[str, Any]:
    given_values = {
        "trial_id": trial,
        "as_of": days(day),
        "trial_day": day,
        "conversion_probability": probability,
        "scored_by": "champion",
        "model_version": "3",
    }
    return {column.name: given_values.get(column.name) for column in SCORES.columns}


def scores(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema([f.with_nullable(True) for f in arrow_schema(SCORES)]))


def labels(**by_trial: tuple[bool, int]) -> pa.Table:
    return pa.table(
        {
            "trial_id": pa.array(by_trial, pa.string()),
            "converted": pa.array([converted for converted, _ in by_trial.values()], pa.bool_()),
            "matured_at": pa.array([days(day) for _, day in by_trial.values()], pa.timestamp("us", tz="UTC")),
        }
    )


def test_a_score_given_when_its_outcome_was_known_is_no_record() -> None:
    found = outcomes(scores(score("a", 20), score("a", 21), score("a", 22)), labels(a=(True, 21)), as_of=days(25))
    assert found["trial_day"].to_pylist() == [20]


def test_a_score_meets_its_label_once_the_window_has_closed() -> None:
    found = outcomes(
        scores(score("b", 2, 0.9), score("a", 1, 0.2), score("a", 2, 0.1), score("open", 1)),
        labels(a=(False, 21), b=(True, 21), open=(True, 22)),
        as_of=days(21),
    )
    assert found.schema.equals(arrow_schema(SCORE_OUTCOMES))
    kept = ["trial_id", "trial_day", "conversion_probability", "converted"]
    assert [tuple(row.values()) for row in found.select(kept).to_pylist()] == [
        ("a", 1, 0.2, False),
        ("a", 2, 0.1, False),
        ("b", 2, 0.9, True),
    ]


def test_what_was_scored_later_than_the_day_looked_from_is_not_known_yet() -> None:
    assert outcomes(scores(score("a", 30)), labels(a=(True, 21)), as_of=days(25)).num_rows == 0


@given(st.integers(0, 40))
def test_each_day_adds_outcomes_and_changes_none(day: int) -> None:
    shown = scores(*(score(trial, scored) for trial in "abc" for scored in range(1, 8)))
    known = labels(a=(True, 10), b=(False, 20), c=(True, 30))
    before, after = (outcomes(shown, known, as_of=days(d)).to_pylist() for d in (day, day + 1))
    assert [row for row in after if row in before] == before


def test_two_labels_of_one_trial_are_refused() -> None:
    doubled = pa.concat_tables([labels(a=(True, 1)), labels(a=(False, 1))])
    with pytest.raises(ValueError, match="1 of 2 rows repeat a trial"):
        outcomes(scores(score("a", 1)), doubled, as_of=days(5))

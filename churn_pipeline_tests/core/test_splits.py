from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core.splits import Bound, Cohorts, after, cohorts

START = datetime(2024, 1, 1, tzinfo=UTC)


def snapshots(starts: list[int], looks: list[int]) -> pd.DataFrame:
    rows = [
        (f"t{trial}", START + timedelta(days=day))
        for trial, (day, count) in enumerate(zip(starts, looks, strict=True))
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["trial_id", "started_at"])


def worlds() -> st.SearchStrategy[pd.DataFrame]:
    trial = st.tuples(st.integers(0, 20), st.integers(1, 5))
    drawn = st.lists(trial, min_size=20, max_size=80)
    return drawn.map(lambda trials: snapshots([day for day, _ in trials], [looks for _, looks in trials]))


def cut(frame: pd.DataFrame) -> Cohorts:
    return cohorts(frame, validation=0.15, calibration=0.1, test=0.25)


@given(frame=worlds())
def test_every_row_is_in_one_cohort_and_all_rows_of_a_trial_in_the_same(frame: pd.DataFrame) -> None:
    made = cut(frame)
    sides = np.vstack([made.fit, made.validation, made.calibration, made.test])
    assert (sides.sum(axis=0) == 1).all()
    side = pd.Series(sides.argmax(axis=0)).groupby(frame["trial_id"].to_numpy()).nunique()
    assert (side == 1).all()


@given(frame=worlds(), seed=st.integers(0, 9))
def test_older_trials_teach_newer_ones_judge_whatever_the_order_of_rows(frame: pd.DataFrame, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    made = cut(shuffled)
    starts = shuffled["started_at"].dt.to_pydatetime()
    keys = [Bound(start, trial) for start, trial in zip(starts, shuffled["trial_id"], strict=True)]
    parts = [
        [k for k, inside in zip(keys, part, strict=True) if inside]
        for part in (made.fit | made.validation, made.calibration, made.test)
    ]
    assert max(parts[0]) < min(parts[1])
    assert (made.development == ~made.test).all()
    assert max(parts[1]) == made.calibrated_until < min(parts[2])
    assert (after(shuffled, made.calibrated_until) == made.test).all()


def test_shares_are_of_trials_and_the_first_three_quarters_come_before_the_test() -> None:
    made = cut(snapshots(list(range(23)), [1] * 23))
    assert [int(part.sum()) for part in (made.fit, made.validation, made.calibration, made.test)] == [11, 3, 3, 6]


def test_too_few_trials_are_named_with_what_is_missing() -> None:
    with pytest.raises(ValueError, match="2 trials cannot be cut into cohorts: nothing is left for validation"):
        cut(snapshots([0, 1], [1, 1]))


def test_a_trial_with_two_starts_is_refused() -> None:
    frame = pd.concat([snapshots([0] * 20, [1] * 20), snapshots([1], [1])])
    with pytest.raises(ValueError, match=r"1 trials have more than one started_at \(first: t0\)"):
        cut(frame)

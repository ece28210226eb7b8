from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.capabilities.monitoring.comparison import comparable, comparable_entities

LANDMARKS = (1, 3, 7, 10, 14)


def trials(
    count: int,
    first_day: int,
    days: int,
    seed: int,
    prefix: str,
    looked: tuple[int, ...],
    window: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """Snapshots of trials that start evenly over `days` and leave at some day; usage grows daily and rests on weekends."""
    rng = np.random.default_rng(seed)
    start = first_day + rng.integers(0, days, count)
    leaves = rng.integers(1, 40, count)
    frames = []
    for trial_day in looked:
        day = start + trial_day
        there = leaves > trial_day
        if window:
            there &= (day > window[0]) & (day <= window[1])
        who = np.flatnonzero(there)
        rate = 2.0 * trial_day * np.where(day[who] % 7 < 5, 1.0, 0.3)
        frames.append(
            pd.DataFrame(
                {
                    "trial_id": [f"{prefix}{i}" for i in who],
                    "as_of": pd.to_datetime(day[who], unit="D", utc=True),
                    "trial_day": trial_day,
                    "leaves": leaves[who],
                    "actions": rng.poisson(rate).astype(float),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def mix(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby(["trial_day", frame["as_of"].dt.dayofweek]).size()


REFERENCE = trials(3_000, 19_000, 300, 1, "r", LANDMARKS)
DAILY = tuple(range(15))


@given(seed=st.integers(0, 10_000), count=st.integers(0, 600), last=st.integers(19_400, 19_407))
@settings(max_examples=25, deadline=None)
def test_both_samples_have_the_same_mix_of_trial_days_and_weekdays_and_each_trial_once(
    seed: int, count: int, last: int
) -> None:
    current = trials(count, 19_385, 22, seed, "c", DAILY, window=(last - 7, last))
    compared = comparable(REFERENCE, current)
    for side in (compared.reference, compared.current):
        assert side["trial_id"].is_unique
    if compared:
        times = len(compared.reference) // len(compared.current)
        pd.testing.assert_series_equal(mix(compared.reference), mix(compared.current) * times)


def test_the_order_of_the_rows_changes_nothing() -> None:
    current = trials(400, 19_385, 22, 3, "c", DAILY, window=(19_396, 19_403))
    shuffled = comparable(REFERENCE.sample(frac=1, random_state=1), current.sample(frac=1, random_state=2))
    plain = comparable(REFERENCE, current)
    for one, other in ((plain.reference, shuffled.reference), (plain.current, shuffled.current)):
        keys = ["trial_id", "as_of", "actions"]
        assert one[keys].sort_values("trial_id").values.tolist() == other[keys].sort_values("trial_id").values.tolist()


def test_the_day_a_trial_is_looked_at_does_not_depend_on_when_it_leaves() -> None:
    everyone = trials(2_000, 19_385, 22, 5, "c", DAILY, window=(19_396, 19_403))
    stayed = everyone[everyone["leaves"] > 14]
    among_all, among_stayed = comparable(REFERENCE, everyone).current, comparable(REFERENCE, stayed).current
    both = among_all.merge(among_stayed, on="trial_id")
    assert len(both) > 100
    assert (both["trial_day_x"] == both["trial_day_y"]).all()


def test_counts_that_grow_with_the_day_and_rest_on_weekends_agree_although_one_day_was_scored() -> None:
    """A Sunday's snapshots of 5,000 trials; without the same mix the means would differ by far more than chance."""
    sunday = 19_403 - (19_403 - 6) % 7
    current = trials(20_000, 19_385, 22, 7, "c", DAILY, window=(sunday - 1, sunday))
    compared = comparable(REFERENCE, current)
    then, now = compared.reference["actions"], compared.current["actions"]
    error = np.sqrt(then.var() / len(then) + now.var() / len(now))
    assert abs(then.mean() - now.mean()) < 4 * error
    assert abs(REFERENCE["actions"].mean() - current["actions"].mean()) > 20 * error


def test_samples_are_bounded() -> None:
    current = trials(2_000, 19_385, 22, 9, "c", DAILY, window=(19_396, 19_403))
    compared = comparable(REFERENCE, current, limit=200)
    assert 0 < len(compared.current) <= 200
    assert len(compared.reference) <= 200


def test_trials_on_days_that_training_never_saw_are_not_compared() -> None:
    current = trials(200, 19_385, 22, 9, "c", (2, 5), window=(19_396, 19_403))
    compared = comparable(REFERENCE, current)
    assert not compared
    assert len(compared.reference) == len(compared.current) == 0


def test_entities_of_a_table_are_compared_by_their_newest_row_whatever_its_weekday() -> None:
    moments = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-01"], utc=True)
    reference = pd.DataFrame({"trial_id": ["a", "a", "b"], "as_of": moments, "trial_day": 0, "x": [1.0, 2.0, 3.0]})
    current = reference.assign(as_of=reference["as_of"] + pd.Timedelta(days=3))
    found = comparable_entities(reference, current)
    assert sorted(found.reference["x"]) == sorted(found.current["x"]) == [2.0, 3.0]

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from churn_pipeline.adapters.engine import quoted
from churn_pipeline.capabilities.training.journey import Step, past_steps, way_features
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.splits import Bound
from churn_pipeline_tests.batches import empty_lake

DAY = datetime(2024, 9, 2, tzinfo=UTC)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
LAST = Bound(BEGIN + timedelta(days=1000), "")


def past(
    folder: Path, *, trials: int = 600, seed: int = 1, turned: int = 10_000, helps: bool = True
) -> tuple[Step, ...]:
    """What is learnt where `invite` helps, `wander` comes with time and `login` is done by all.

    Trials from number `turned` on convert for the opposite reason; only those before it are learnt from.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(trials):
        invites, wanders = rng.random() < 0.4, rng.integers(1, 14)
        converts = rng.random() < ((0.7 if invites == (n < turned) else 0.2) if helps else 0.4)
        leaves = rng.integers(3, 14) if converts else 99
        for day in (1, 3, 7):
            if day >= leaves:
                continue
            reached = {
                "login": 0.5,
                **({"invite": 20.0} if invites and day > 1 else {}),
                **({"wander": 24.0 * wanders} if wanders < day else {}),
            }
            steps = ", ".join(f"{quoted(name)}: {hours}::double" for name, hours in reached.items())
            rows.append(
                f"('t{n:05d}', {day}, {converts}, timestamptz '{(BEGIN + timedelta(hours=n)).isoformat()}', map {{{steps}}})"
            )
    lake = empty_lake(folder)
    values = f"select * from (values {', '.join(rows)}) r(trial_id, trial_day, converted, started_at, reached_steps)"
    with lake.engine.connection() as connection:
        lake.write(connection, TRAINING_SET.name, DAY, values)
    return past_steps(lake, DAY, until=min(LAST, Bound(BEGIN + timedelta(hours=turned - 1), "t99999")))


def test_the_first_value_is_the_step_that_tells_conversions_apart_at_equal_days(tmp_path: Path) -> None:
    steps = {step.name: step for step in past(tmp_path)}
    assert set(steps) == {"invite", "login", "wander"}
    assert steps["invite"].sureness > 6
    assert steps["invite"].hours == 20.0
    assert abs(steps["wander"].sureness) < 3
    assert (steps["login"].share, steps["login"].sureness) == (1.0, 0.0)
    (milestone,) = way_features(tuple(steps.values()), first_value=None)
    assert milestone.steps == ("invite",)


def test_newer_cohorts_teach_nothing(tmp_path: Path) -> None:
    turned, whole = past(tmp_path / "turned", trials=600, turned=400), past(tmp_path / "whole", trials=400)
    assert turned == whole


def test_the_sureness_is_that_of_the_log_rank_test(tmp_path: Path) -> None:
    """Two days by hand: of 4 looks 2 took it, both converted; of 6 looks 3 took it, 1 of them and 1 other converted."""
    cells = [(1, True, True)] * 2 + [(1, False, False)] * 2 + [(3, True, True)] + [(3, True, False)] * 2
    cells += [(3, False, True)] + [(3, False, False)] * 2
    rows = ", ".join(
        f"('t{n}', {day}, {converted}, timestamptz '2024-01-01', map {{'all': 1.0::double{took * ', '}{took * quoted('x')}{took * ': 2.0::double'}}})"
        for n, (day, took, converted) in enumerate(cells)
    )
    lake = empty_lake(tmp_path)
    with lake.engine.connection() as connection:
        lake.write(
            connection,
            TRAINING_SET.name,
            DAY,
            f"select * from (values {rows}) r(trial_id, trial_day, converted, started_at, reached_steps)",
        )
    found = {step.name: step for step in past_steps(lake, DAY, until=LAST)}["x"]
    excess = (2 - 2 * 2 / 4) + (1 - 3 * 2 / 6)
    variance = 2 * 2 * 2 * 2 / (16 * 3) + 3 * 3 * 2 * 4 / (36 * 5)
    assert found.sureness == pytest.approx(excess / math.sqrt(variance))
    assert found.share == 0.5


@pytest.mark.slow
def test_chance_is_seldom_taken_for_more_however_often_a_trial_is_looked_at(tmp_path: Path) -> None:
    """Of 40 worlds in which nothing helps (up to three looks at each trial) sureness has a spread of about 1 and is beyond 2 in about one of twenty."""
    found = [
        step.sureness
        for seed in range(40)
        for step in past(tmp_path / str(seed), trials=200, seed=seed, helps=False)
        if step.name == "invite"
    ]
    assert sum(abs(sureness) > 2 for sureness in found) <= 6
    assert 0.6 < np.std(found) < 1.4


def step(name: str, sureness: float, hours: float, share: float = 0.4) -> Step:
    return Step(name, share, sureness, hours)


def test_the_path_is_of_the_surest_steps_in_the_order_in_which_converters_take_them() -> None:
    steps = [step("c", 9, 30), step("a", 5, 10), step("b", 7, 20), step("chance", 1, 1), step("all", 9, 1, share=0.99)]
    milestone, path = way_features(steps, first_value=None)
    assert (milestone.steps, path.steps) == (("c",), ("a", "b", "c"))
    many = [step(f"s{n}", 4 + n, 9 - n) for n in range(8)]
    assert way_features(many, first_value=None)[1].steps == ("s7", "s6", "s5", "s4", "s3")


def test_the_step_that_is_named_is_the_first_value_and_without_sure_steps_there_is_no_path() -> None:
    (named,) = way_features([step("a", 1, 10)], first_value="b")
    assert named.steps == ("b",)
    assert way_features([step("a", 1, 10)], first_value=None) == ()

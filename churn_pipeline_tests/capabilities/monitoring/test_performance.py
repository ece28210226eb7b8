from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from churn_pipeline.capabilities.monitoring.performance import Performance, performance, rows
from churn_pipeline.contracts.analytics import MODEL_PERFORMANCE, SCORE_OUTCOMES
from churn_pipeline.contracts.derive.arrow import arrow_schema

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def matured(
    trials: int, *, seed: int = 1, signal: float = 1.5, shift: float = 0.0, model: str = "3", by: str = "champion", ago: int = 3, scored: int = 6
) -> pa.Table:  # fmt: skip
    """Outcomes of trials scored on several days; `signal` 0 means the scores know nothing, `shift` that they are off."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-0.6, 1.5, trials)
    converted = rng.random(trials) < 1 / (1 + np.exp(-log_odds))
    seen = (log_odds * signal / 1.5)[:, None] + shift + rng.normal(0, 0.1, (trials, scored))
    chosen = np.repeat(np.arange(trials), scored)
    at = NOW - timedelta(days=ago)
    return pa.table(
        {
            "trial_id": pa.array([f"{model}-{i}" for i in chosen]),
            "as_of": pa.array([at - timedelta(days=20 - int(d)) for d in np.tile(np.arange(scored), trials)], pa.timestamp("us", tz="UTC")),
            "trial_day": pa.array(np.tile(np.arange(scored), trials)),
            "conversion_probability": pa.array((1 / (1 + np.exp(-seen))).ravel()),
            "scored_by": pa.array([by] * len(chosen)),
            "model_version": pa.array([model] * len(chosen)),
            "converted": pa.array(converted[chosen]),
            "matured_at": pa.array([at] * len(chosen), pa.timestamp("us", tz="UTC")),
        }
    ).cast(arrow_schema(SCORE_OUTCOMES))  # fmt: skip


def judged(outcomes: pa.Table, min_auc: float = 0.65) -> Performance:
    (one,) = performance(outcomes, as_of=NOW, window_days=28, min_auc=min_auc)
    return one


def test_good_scores_hold() -> None:
    one = judged(matured(800))
    assert (one.trials, one.scores) == (800, 4_800)
    assert one.auc is not None
    assert one.auc.low > 0.65
    assert one.log_loss < one.base_log_loss
    assert not one.degraded
    assert str(one).startswith("held: AUC 0.")


def test_scores_that_know_nothing_are_degraded() -> None:
    one = judged(matured(800, signal=0.0))
    assert one.degraded
    assert str(one).startswith("degraded: AUC 0.")
    assert str(one).endswith("the whole interval is below the bound")


def test_an_interval_across_the_bound_is_no_alarm() -> None:
    one = judged(matured(150, signal=1.0), min_auc=0.78)
    assert not one.degraded
    assert "reaches across the bound" in str(one)


def test_scores_that_rank_well_and_are_off_are_said_to_be_so() -> None:
    one = judged(matured(800, shift=3.0))
    assert not one.degraded
    assert "no better than" in str(one)
    assert one.ece > 0.3


def test_too_few_trials_are_never_called_degraded() -> None:
    one = judged(matured(24, signal=-1.5, seed=4))
    assert one.auc is not None
    assert one.auc.high < 0.65
    assert not one.degraded
    assert str(one).startswith("too few to judge: AUC")


@pytest.mark.parametrize(("converted", "word"), [(True, "all"), (False, "none")])
def test_one_outcome_alone_has_no_auc_and_says_so(converted: bool, word: str) -> None:
    outcomes = matured(30)
    place = outcomes.schema.get_field_index("converted")
    alike = outcomes.set_column(place, outcomes.schema.field(place), pa.array([converted] * outcomes.num_rows))
    one = judged(alike)
    assert one.auc is None
    assert str(one) == f"no AUC: {word} of the 30 trials that matured in 28 days converted"
    assert rows([one], as_of=NOW, run_id="r")["auc_low"].to_pylist() == [None]


def test_each_model_is_judged_by_its_own_scores_in_the_window() -> None:
    outcomes = pa.concat_tables(
        [matured(100), matured(60, model="4", by="canary"), matured(50, model="rules", by="rules"), matured(80, model="2", ago=28), matured(70, model="5", ago=-1)]
    )  # fmt: skip
    found = performance(outcomes, as_of=NOW, window_days=28, min_auc=0.65)
    assert [(one.scored_by, one.model_version, one.trials) for one in found] == [
        ("canary", "4", 60),
        ("champion", "3", 100),
        ("rules", "rules", 50),
    ]


def test_rows_hold_the_declared_table() -> None:
    found = performance(matured(100), as_of=NOW, window_days=28, min_auc=0.65)
    written = rows(found, as_of=NOW, run_id="run")
    assert written.schema.equals(arrow_schema(MODEL_PERFORMANCE))
    (row,) = written.to_pylist()
    assert row["auc_low"] < row["auc"] < row["auc_high"]
    assert row["verdict"] == str(found[0])
    assert row["window_days"] == 28


def test_nothing_matured_gives_no_rows() -> None:
    found = performance(matured(0), as_of=NOW, window_days=28, min_auc=0.65)
    assert found == ()
    assert rows(found, as_of=NOW, run_id="run").num_rows == 0


@pytest.mark.slow
@pytest.mark.parametrize("trials", [40, 400])
def test_scores_exactly_at_the_bound_are_rarely_called_degraded(trials: int) -> None:
    """The AUC of the generator is its own bound: 2.5 % of 500 windows are expected, 5 % (the 99.9 % point) allowed."""
    truth = judged(matured(100_000, seed=99, scored=1)).auc
    assert truth is not None
    alarms = sum(judged(matured(trials, seed=seed), min_auc=truth.mid).degraded for seed in range(500))
    assert alarms <= 25

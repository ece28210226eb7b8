from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.tuning import REPORT_EVERY, Tuned, tune, watcher
from churn_pipeline.settings import Settings

# Optuna takes seconds to import
pytestmark = pytest.mark.flow

Objective = Callable[[optuna.Trial], float]
FIRST = {"x": 0.5, "depth": 3}


class Killed(BaseException):
    pass


@dataclass
class Kept:
    """What survives a killed process: the trials that were finished."""

    trials: list[optuna.trial.FrozenTrial] = field(default_factory=list)

    def finished(self) -> list[optuna.trial.FrozenTrial]:
        return list(self.trials)

    def keep(self, trial: optuna.trial.FrozenTrial) -> None:
        self.trials.append(trial)


def curve(trial: optuna.Trial) -> float:
    """A loss that falls over a hundred rounds towards what the parameters allow."""
    aim = (trial.suggest_float("x", 0, 1) - 0.3) ** 2 + 0.01 * abs(trial.suggest_int("depth", 2, 8) - 5)
    watch = watcher(trial)
    for done in range(1, 101):
        watch(done, aim + 1 / done)
    trial.set_user_attr("rounds", 100)
    return aim


def search(kept: Kept, trials: int = 14, objective: Objective = curve) -> Tuned:
    return tune(objective, first=FIRST, search=kept, trials=trials, seed=7)  # type: ignore[arg-type] # a study kept in memory has no place in a database


def test_it_finds_better_parameters_than_it_began_with_and_prunes_some() -> None:
    found = search(Kept(), trials=30)
    assert found.loss < (FIRST["x"] - 0.3) ** 2 + 0.02
    assert found.trials == 30
    assert 0 < found.pruned < 30


@settings(max_examples=15, deadline=None)
@given(kills=st.lists(st.integers(0, 13), max_size=4))
def test_a_search_that_was_killed_and_resumed_ends_as_an_undisturbed_one(kills: list[int]) -> None:
    undisturbed, kept = Kept(), Kept()
    wanted = search(undisturbed)
    for moment in sorted(kills):
        with pytest.raises(Killed):
            search(kept, objective=killed_at(moment))
    assert search(kept) == wanted
    assert [t.params for t in kept.trials] == [t.params for t in undisturbed.trials]


def killed_at(place: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        if trial.number >= place:
            trial.suggest_float("x", 0, 1)
            raise Killed
        return curve(trial)

    return objective


def test_a_finished_search_is_not_run_again() -> None:
    kept = Kept()
    wanted = search(kept)

    def never(trial: optuna.Trial) -> float:
        raise AssertionError(trial)

    assert search(kept, objective=never) == wanted


def test_the_pruner_looks_every_ten_rounds() -> None:
    kept = Kept()
    search(kept, trials=2)
    assert sorted(kept.trials[0].intermediate_values) == list(range(REPORT_EVERY, 101, REPORT_EVERY))


PROCESS = """
import sys, time
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.tuning import tune
from churn_pipeline_tests.capabilities.training.test_tuning import FIRST, curve

def slow(trial):
    time.sleep(0.05)
    return curve(trial)

with Studies(sys.argv[1]).search("killed") as search:
    print("begun", flush=True)
    tune(slow, first=FIRST, search=search, trials=14, seed=7)
"""


@pytest.mark.slow
def test_kill_minus_nine_at_any_moment_leaves_a_search_that_ends_the_same(settings: Settings, tmp_path: Path) -> None:
    url = database_url(settings, schema="optuna", driver="postgresql+psycopg2")
    for pause in (0.05, 0.2, 0.4):
        with subprocess.Popen([sys.executable, "-c", PROCESS, url], stdout=subprocess.PIPE, cwd=Path.cwd()) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
    with Studies(url).search("killed") as kept:
        assert 0 < len(kept.finished()) < 14
        assert tune(curve, first=FIRST, search=kept, trials=14, seed=7) == search(Kept())

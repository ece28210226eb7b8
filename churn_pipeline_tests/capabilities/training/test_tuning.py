from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.space import Range, Space
from churn_pipeline.capabilities.training.tuning import (
    CHAMPION,
    DEFAULTS,
    REPORT_EVERY,
    Earlier,
    Plan,
    Tuned,
    Way,
    as_before,
    from_champion,
    tune,
    watcher,
)
from churn_pipeline.settings import Settings

# Optuna takes seconds to import
pytestmark = pytest.mark.flow

Objective = Callable[[optuna.Trial], float]
SPACE = Space(
    (Range("x", 0, 1, first=0.5, levels=5), Range("depth", 2, 8, first=3, levels=4, integer=True)),
)
PLAN = Plan(14, 7)
WAYS: tuple[Way, ...] = ("tpe", "random", "grid")
CHAMPIONS = Earlier({"x": 0.31, "depth": 5, "rounds": 40})


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

    def lasting(self, seconds: float) -> Kept:
        """The same, had each of them taken so long."""
        slow = [optuna.trial.create_trial(**_parts(trial)) for trial in self.trials]
        for trial in slow:
            assert trial.datetime_start is not None
            trial.datetime_complete = trial.datetime_start + timedelta(seconds=seconds)
        return Kept(slow)

    @property
    def tried(self) -> list[dict[str, Any]]:
        return [trial.params for trial in self.trials]


def _parts(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    names = ("state", "params", "distributions", "user_attrs", "system_attrs", "intermediate_values", "value")
    return {name: getattr(trial, name) for name in names}


def curve(trial: optuna.Trial) -> float:
    """A loss that falls over a hundred rounds towards what the parameters allow."""
    tried = SPACE.suggest(trial)
    aim = (tried["x"] - 0.3) ** 2 + 0.01 * abs(tried["depth"] - 5)
    watch = watcher(trial)
    for done in range(1, 101):
        watch(done, aim + 1 / done)
    trial.set_user_attr("rounds", 100)
    return aim


def never(trial: optuna.Trial) -> float:
    raise AssertionError(trial)


def search(kept: Kept, plan: Plan = PLAN, objective: Objective = curve) -> Tuned:
    return tune(objective, space=SPACE, search=kept, plan=plan)  # type: ignore[arg-type] # a study kept in memory has no place in a database


def test_it_finds_better_parameters_than_it_began_with_and_prunes_some() -> None:
    found = search(Kept(), replace(PLAN, trials=30))
    assert found.loss < (SPACE.first["x"] - 0.3) ** 2 + 0.02
    assert found.trials == 30
    assert 0 < found.pruned < 30


@settings(max_examples=15, deadline=None)
@given(
    kills=st.lists(st.integers(0, 13), max_size=4),
    sampler=st.sampled_from(WAYS),
    earlier=st.sampled_from([Earlier(), CHAMPIONS]),
)
def test_a_search_that_was_killed_and_resumed_ends_as_an_undisturbed_one(
    kills: list[int], sampler: Way, earlier: Earlier
) -> None:
    undisturbed, kept, plan = Kept(), Kept(), replace(PLAN, sampler=sampler, earlier=earlier)
    wanted = search(undisturbed, plan)
    for moment in sorted(kills):
        with pytest.raises(Killed):
            search(kept, plan, killed_at(moment))
    assert search(kept, plan) == wanted
    assert kept.tried == undisturbed.tried


def killed_at(place: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        if trial.number >= place:
            trial.suggest_float("x", 0, 1)
            raise Killed
        return curve(trial)

    return objective


@pytest.mark.parametrize("sampler", WAYS)
def test_a_finished_search_is_not_run_again_and_one_for_more_trials_goes_on(sampler: Way) -> None:
    kept, whole, plan = Kept(), Kept(), replace(PLAN, sampler=sampler)
    wanted = search(kept, plan)
    again = search(kept, plan, never)
    assert (again, again.reused) == (wanted, 14)
    more = replace(plan, trials=18)
    assert search(kept, more) == search(whole, more)
    assert len(kept.trials) == 18
    assert search(kept, plan, never) == wanted


def test_each_way_to_choose_has_trials_of_its_own() -> None:
    tried = {}
    for sampler in WAYS:
        kept = Kept()
        search(kept, replace(PLAN, sampler=sampler))
        tried[sampler] = kept.tried
    assert tried["tpe"] != tried["random"] != tried["grid"]
    assert all(point in SPACE.grid() for point in tried["grid"][1:])


def test_a_grid_is_tried_whole_no_point_twice_and_then_the_search_ends() -> None:
    kept = Kept()
    found = search(kept, Plan(99, 7, "grid"))
    assert found.trials == 21
    assert sorted(map(str, kept.tried[1:])) == sorted(map(str, SPACE.grid()))
    assert found.stopped == "stopped after 21 of 99 tuning trials: the grid has no more points"
    assert search(Kept(), Plan(21, 7, "grid")).stopped == ""


def test_another_seed_is_another_order_of_the_grid() -> None:
    one, other = Kept(), Kept()
    search(one, Plan(5, 7, "grid"))
    search(other, Plan(5, 8, "grid"))
    assert one.tried != other.tried


@pytest.mark.parametrize("sampler", WAYS)
def test_the_champions_parameters_are_tried_after_the_defaults(sampler: Way) -> None:
    kept = Kept()
    found = search(kept, replace(PLAN, sampler=sampler, earlier=CHAMPIONS))
    assert kept.tried[:2] == [{"x": 0.5, "depth": 3}, {"x": 0.31, "depth": 5}]
    assert [step.start for step in found.steps[:3]] == [DEFAULTS, CHAMPION, ""]
    assert found.warm_start == {"x": 0.31, "depth": 5}


def test_a_champion_beyond_the_space_is_met_at_its_border_and_one_at_the_defaults_costs_no_trial() -> None:
    beyond = search(Kept(), replace(PLAN, earlier=Earlier({"depth": 12, "gone": 1.0})))
    assert beyond.warm_start == {"x": 0.5, "depth": 8}
    assert search(Kept(), replace(PLAN, earlier=Earlier({"x": 0.5, "depth": 3}))) == search(Kept())


def test_a_search_keeps_the_start_it_began_with_whoever_is_champion_later() -> None:
    kept = Kept()
    begun = search(kept, replace(PLAN, trials=6, earlier=CHAMPIONS))
    other = replace(PLAN, trials=6, earlier=Earlier({"x": 0.9, "depth": 8}))
    assert search(kept, other, never) == begun
    assert search(Kept(kept.trials[:4]), replace(other, trials=14)) == search(Kept(), replace(PLAN, earlier=CHAMPIONS))


def test_no_tuning_trial_begins_after_the_budget_was_spent_kept_ones_included() -> None:
    whole = Kept()
    search(whole)
    slow = whole.lasting(seconds=10)
    found = search(slow, replace(PLAN, seconds=45), never)
    assert found.trials == 5
    assert found.stopped == "stopped after 5 of 14 tuning trials: the budget of 45 s was spent"
    assert str(found).endswith(found.stopped)
    assert search(slow, replace(PLAN, seconds=140), never).stopped == ""
    going_on = Kept(slow.trials[:3])
    assert search(going_on, replace(PLAN, seconds=25), never).trials == 3
    assert search(going_on, replace(PLAN, seconds=50)).trials == 14


def test_a_budget_is_measured_where_the_work_is_done_and_the_first_trial_always_runs() -> None:
    def slow(trial: optuna.Trial) -> float:
        time.sleep(0.05)
        return curve(trial)

    found = search(Kept(), replace(PLAN, seconds=0.12), slow)
    assert 1 <= found.trials <= 3
    assert all(step.seconds >= 0.05 for step in found.steps)
    assert search(Kept(), replace(PLAN, seconds=1e-9), slow).trials == 1


@pytest.mark.parametrize("sampler", WAYS)
def test_a_search_that_the_clock_ended_is_done_again_without_one(sampler: Way) -> None:
    whole, plan = Kept(), replace(PLAN, sampler=sampler, earlier=CHAMPIONS, seconds=65)
    search(whole, replace(plan, seconds=0))
    found = search(whole.lasting(seconds=10), plan)
    assert found.trials == 7
    told = as_before({"tuning": {"member": found.facts()}})["member"]
    again = search(Kept(), replace(plan, earlier=told))
    assert again == found
    assert again.facts() == found.facts()


def test_facts_tell_the_searches_of_a_successor_where_to_begin() -> None:
    assert from_champion({"parameters": {"xgboost": {"max_depth": 3, "rounds": 9}}}) == {
        "xgboost": Earlier({"max_depth": 3, "rounds": 9})
    }
    assert from_champion({}) == {}


def test_what_each_parameter_answers_for_is_told_once_whole_trials_are_many_enough() -> None:
    found = search(Kept(), Plan(40, 7, "random"))
    assert found.trials - found.pruned >= 8
    assert sum(found.importance.values()) == pytest.approx(1)
    assert found.importance["x"] > found.importance["depth"]
    assert search(Kept(), replace(PLAN, trials=3)).importance == {}


def test_a_trial_that_is_pruned_before_anything_was_seen_has_no_loss_to_show() -> None:
    def hopeless(trial: optuna.Trial) -> float:
        if trial.number == 2:
            raise optuna.TrialPruned
        return curve(trial)

    found = search(Kept(), replace(PLAN, trials=4), hopeless)
    assert (found.steps[2].loss, found.steps[2].pruned) == (float("inf"), True)
    assert found.loss < 1


def test_the_pruner_looks_every_ten_rounds() -> None:
    kept = Kept()
    search(kept, replace(PLAN, trials=2))
    assert sorted(kept.trials[0].intermediate_values) == list(range(REPORT_EVERY, 101, REPORT_EVERY))


PROCESS = """
import sys, time
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.tuning import tune
from churn_pipeline_tests.capabilities.training.test_tuning import PLAN, SPACE, curve

def slow(trial):
    print("begun", flush=True)
    time.sleep(0.05)
    return curve(trial)

with Studies(sys.argv[1]).searches("killed") as (search,):
    tune(slow, space=SPACE, search=search, plan=PLAN)
"""


@pytest.mark.slow
def test_kill_minus_nine_at_any_moment_leaves_a_search_that_ends_the_same(settings: Settings, tmp_path: Path) -> None:
    url = database_url(settings, schema="optuna", driver="postgresql+psycopg2")
    for begun, pause in ((2, 0.0), (3, 0.05), (4, 0.1)):
        with subprocess.Popen([sys.executable, "-c", PROCESS, url], stdout=subprocess.PIPE, cwd=Path.cwd()) as process:
            assert process.stdout is not None
            for _ in range(begun):
                process.stdout.readline()
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
    with Studies(url).searches("killed") as (kept,):
        assert 0 < len(kept.finished()) < 14
        assert tune(curve, space=SPACE, search=kept, plan=PLAN) == search(Kept())


@pytest.mark.parametrize("sampler", WAYS)
def test_a_database_gives_back_what_a_search_needs_to_end_the_same(settings: Settings, sampler: Way) -> None:
    studies = Studies(database_url(settings, schema="optuna", driver="postgresql+psycopg2"))
    plan = replace(PLAN, sampler=sampler, earlier=CHAMPIONS)
    with studies.searches(sampler) as (begun,), pytest.raises(Killed):
        tune(killed_at(5), space=SPACE, search=begun, plan=plan)
    with studies.searches(sampler) as (resumed,):
        found = tune(curve, space=SPACE, search=resumed, plan=plan)
    assert (found, found.reused) == (search(Kept(), plan), 5)
    assert all(step.seconds > 0 for step in found.steps)

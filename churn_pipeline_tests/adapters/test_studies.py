from __future__ import annotations

import optuna
import pytest

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.adapters.studies import ORDER, Studies
from churn_pipeline.settings import Settings


@pytest.fixture
def studies(settings: Settings) -> Studies:
    return Studies(database_url(settings, schema="optuna", driver="postgresql+psycopg2"))


def trial(place: int, value: float) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(
        params={"x": value},
        distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
        value=value,
        user_attrs={ORDER: place},
        intermediate_values={10: value / 3},
    )


def test_finished_trials_come_back_exactly_and_in_order(studies: Studies) -> None:
    with studies.searches("demo xgboost") as (search,):
        for place, value in enumerate((0.1, 2 / 3, 1 / 7)):
            search.keep(trial(place, value))
    with studies.searches("demo xgboost") as (search,):
        found = search.finished()
    assert [(t.value, t.params["x"], t.intermediate_values[10]) for t in found] == [
        (value, value, value / 3) for value in (0.1, 2 / 3, 1 / 7)
    ]


def test_a_trial_that_two_processes_finished_counts_once_and_nothing_after_a_gap(studies: Studies) -> None:
    with studies.searches("demo") as (search,):
        for place in (0, 0, 1, 3):
            search.keep(trial(place, 0.5))
        assert [t.user_attrs[ORDER] for t in search.finished()] == [0, 1]


def test_searches_are_apart(studies: Studies) -> None:
    with studies.searches("one", "two") as (one, two):
        one.keep(trial(0, 0.5))
        assert (len(one.finished()), two.finished()) == (1, [])

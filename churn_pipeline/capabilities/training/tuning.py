"""Tuning: a search for parameters that ends the same however often it was killed and resumed.

The search itself runs in memory; each tuning trial is kept when it is finished. A resumed search is filled with what was
kept and goes on. Nothing else carries over: the sampler of a tuning trial is seeded by the trial's place alone, and the
pruner looks at finished trials only. So the n-th trial is a function of the seed and of the n - 1 before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import optuna

    from churn_pipeline.adapters.studies import Search

Parameter = int | float
REPORT_EVERY = 10
"""Boosting rounds between two looks of the pruner."""
_STARTUP_TRIALS = 4
_UNHURRIED_ROUNDS = 30


class Objective(Protocol):
    """Fits with the parameters a tuning trial suggests; gives the loss, and the rounds it took as user attribute."""

    def __call__(self, trial: optuna.Trial, /) -> float:
        """The loss of one tuning trial."""
        ...


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found: the best parameters, its loss on validation, the rounds, and how it went."""

    parameters: Mapping[str, Parameter]
    rounds: int
    loss: float
    trials: int
    pruned: int


def tune(objective: Objective, *, first: Mapping[str, Parameter], search: Search, trials: int, seed: int) -> Tuned:
    """The parameters of least loss among `trials` tuning trials, of which `first` is the first.

    Sampled by TPE (Bergstra et al. 2011), pruned below the median of the finished trials at the same round. Tuning
    trials that `search` already holds are not run again.
    """
    import optuna

    study = optuna.create_study(direction="minimize", pruner=_pruner())
    study.add_trials(search.finished()[:trials])
    for place in range(len(study.trials), trials):
        study.sampler = _sampler(seed, place)
        if place == 0:
            study.enqueue_trial(dict(first))
        finished = _run(study, objective, place)
        search.keep(finished)
    return _best(study.get_trials(deepcopy=False))


def _run(study: optuna.Study, objective: Objective, place: int) -> optuna.trial.FrozenTrial:
    import optuna

    from churn_pipeline.adapters.studies import ORDER

    trial = study.ask()
    trial.set_user_attr(ORDER, place)
    try:
        return study.tell(trial, objective(trial))
    except optuna.TrialPruned:
        return study.tell(trial, state=optuna.trial.TrialState.PRUNED)


def _best(trials: list[optuna.trial.FrozenTrial]) -> Tuned:
    import optuna

    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    best = min(complete, key=lambda trial: (trial.values[0], trial.number))
    return Tuned(
        parameters=dict(sorted(best.params.items())),
        rounds=int(best.user_attrs["rounds"]),
        loss=float(best.values[0]),
        trials=len(trials),
        pruned=len(trials) - len(complete),
    )


def _sampler(seed: int, place: int) -> optuna.samplers.TPESampler:
    import optuna

    (drawn,) = np.random.SeedSequence([seed, place]).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(drawn), n_startup_trials=_STARTUP_TRIALS)


def _pruner() -> optuna.pruners.MedianPruner:
    import optuna

    return optuna.pruners.MedianPruner(
        n_startup_trials=_STARTUP_TRIALS - 1, n_warmup_steps=_UNHURRIED_ROUNDS, interval_steps=REPORT_EVERY
    )


def watcher(trial: optuna.Trial) -> Callable[[int, float], None]:
    """A function of round and loss, to be called after every boosting round, that stops a hopeless tuning trial.

    Raises:
        optuna.TrialPruned: the loss is worse than the median of the finished trials at that round.
    """
    import optuna

    def watch(done: int, loss: float) -> None:
        if done % REPORT_EVERY == 0:
            trial.report(loss, step=done)
            if trial.should_prune():
                raise optuna.TrialPruned

    return watch

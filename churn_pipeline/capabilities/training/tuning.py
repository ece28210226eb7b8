"""Tuning: a search for parameters that ends the same however often it was killed and resumed.

The search itself runs in memory; each tuning trial is kept when it is finished. A resumed search is filled with what was
kept and goes on. Nothing else carries over: the sampler of a tuning trial is seeded by the trial's place alone, and the
pruner looks at finished trials only. So the n-th trial is a function of the seed and of the n - 1 before it.

How many there are to be, how long they may take and where the champion stands change none that is kept: more trials go on
where fewer ended, and a search keeps the start that it began with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import optuna

    from churn_pipeline.adapters.studies import Search
    from churn_pipeline.capabilities.training.space import Parameters, Space

Way = Literal["tpe", "random", "grid"]
START = "start"
"""User attribute of a tuning trial that no sampler chose: whose parameters it tries."""
DEFAULTS, CHAMPION = "the defaults", "the champion"
REPORT_EVERY = 10
"""Boosting rounds between two looks of the pruner."""
LEAST_FOR_IMPORTANCE = 8
"""Whole tuning trials below which the importance of parameters is not asked for."""
_STARTUP_TRIALS = 4
_UNHURRIED_ROUNDS = 30


class Objective(Protocol):
    """Fits with the parameters a tuning trial suggests; gives the loss, and the rounds it took as user attribute."""

    def __call__(self, trial: optuna.Trial, /) -> float:
        """The loss of one tuning trial."""
        ...


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a model that is there already tells a search."""

    warm_start: Parameters | None = None
    """Its parameters, to be tried after the defaults."""
    ran: int | None = None
    """Of a model that is made again: the tuning trials that there were. They take the place of the clock."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search has to do: `trials` tuning trials, or as many as begin within `seconds` (0: no limit) of work."""

    trials: int
    seed: int
    sampler: Way = "tpe"
    seconds: float = 0.0
    earlier: Earlier = Earlier()

    def ends(self, past: Sequence[optuna.trial.FrozenTrial]) -> bool:
        """Whether no tuning trial follows those. What a kept one took counts, so that a resumed search ends where an undisturbed one does."""
        if self.earlier.ran is not None:
            return len(past) >= self.earlier.ran
        return len(past) >= self.trials or 0 < self.seconds <= sum(map(_seconds, past))


@dataclass(frozen=True, slots=True)
class Step:
    """One tuning trial: its loss (the last one seen, where it was pruned), how it came about, and how long it took."""

    loss: float
    pruned: bool
    start: str
    """Whose parameters it tried; empty where the sampler chose."""
    seconds: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found: the best parameters, its loss on validation, the rounds, and how it went."""

    parameters: Parameters
    rounds: int
    loss: float
    steps: tuple[Step, ...]
    warm_start: Parameters | None
    """What was tried after the defaults, where a champion said so."""
    importance: Mapping[str, float]
    """Share of the variance of the loss that each parameter answers for; empty while whole tuning trials are few."""
    stopped: str
    """Why there were fewer tuning trials than were asked for; empty where there were not."""
    reused: int = field(compare=False, default=0)
    """Tuning trials that were kept from before."""

    @property
    def trials(self) -> int:
        """How many tuning trials there were."""
        return len(self.steps)

    @property
    def pruned(self) -> int:
        """How many of them were stopped, being hopeless."""
        return sum(step.pruned for step in self.steps)

    def __str__(self) -> str:
        """A line for people."""
        kept = f" ({self.reused} kept from before)" if self.reused else ""
        stopped = f"; {self.stopped}" if self.stopped else ""
        return f"{self.trials} tuning trials{kept}, {self.pruned} pruned, log loss {self.loss:.4f}{stopped}"

    def facts(self) -> dict[str, Any]:
        """What travels with the model, as JSON values: nothing that depends on the machine."""
        start = None if self.warm_start is None else dict(self.warm_start)
        return {"trials": self.trials, "pruned": self.pruned, "warm_start": start, "stopped": self.stopped}


def as_before(facts: Mapping[str, Any]) -> dict[str, Earlier]:
    """How the searches of a model are done again, by member, from its facts."""
    return {name: Earlier(found["warm_start"], found["trials"]) for name, found in facts["tuning"].items()}


def from_champion(facts: Mapping[str, Any]) -> dict[str, Earlier]:
    """What a champion tells the searches for its successor, by member, from its facts."""
    return {name: Earlier(found) for name, found in facts.get("parameters", {}).items()}


def tune(objective: Objective, *, space: Space, search: Search, plan: Plan) -> Tuned:
    """The parameters of least loss among the tuning trials of a plan, of which the first tries the defaults.

    Sampled by TPE (Bergstra et al. 2011), at random, or from the grid in an order drawn by the seed, no point twice; pruned
    below the median of the finished trials at the same round. Tuning trials that `search` already holds are not run again.
    """
    import optuna

    study = optuna.create_study(direction="minimize", pruner=_pruner())
    kept, past = search.finished(), study.get_trials(deepcopy=False)
    while not plan.ends(past) and (told := _told(space, plan, past)) is not None:
        if len(past) < len(kept):
            study.add_trial(kept[len(past)])
        else:
            search.keep(_run(study, objective, plan, told))
        past = study.get_trials(deepcopy=False)
    return _tuned(study, space, plan, reused=min(len(kept), len(past)))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a tuning trial is told to try; nothing where the sampler chooses."""

    parameters: Parameters | None = None
    start: str | None = None


def _told(space: Space, plan: Plan, past: Sequence[optuna.trial.FrozenTrial]) -> _Told | None:
    """What the tuning trial after those is told to try; None where the grid has nothing that was not tried."""
    warm = plan.earlier.warm_start
    if not past:
        return _Told(space.first, DEFAULTS)
    if len(past) == 1 and warm is not None and (start := space.nearest(warm)) != space.first:
        return _Told(start, CHAMPION)
    if plan.sampler != "grid":
        return _Told()
    points, tried = space.grid(), [trial.params for trial in past]
    order = np.random.default_rng(plan.seed).permutation(len(points))
    return next((_Told(points[place]) for place in order if points[place] not in tried), None)


def _run(study: optuna.Study, objective: Objective, plan: Plan, told: _Told) -> optuna.trial.FrozenTrial:
    import optuna

    from churn_pipeline.adapters.studies import ORDER

    place = len(study.get_trials(deepcopy=False))
    study.sampler = _sampler(plan, place)
    if told.parameters is not None:
        study.enqueue_trial(dict(told.parameters))
    trial = study.ask()
    trial.set_user_attr(ORDER, place)
    if told.start:
        trial.set_user_attr(START, told.start)
    try:
        return study.tell(trial, objective(trial))
    except optuna.TrialPruned:
        return study.tell(trial, state=optuna.trial.TrialState.PRUNED)


def _tuned(study: optuna.Study, space: Space, plan: Plan, *, reused: int) -> Tuned:
    import optuna

    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    best = min(complete, key=lambda trial: (trial.values[0], trial.number))
    warm = (trial.params for trial in trials if trial.user_attrs.get(START) == CHAMPION)
    return Tuned(
        parameters=dict(sorted(best.params.items())),
        rounds=int(best.user_attrs["rounds"]),
        loss=float(best.values[0]),
        steps=tuple(_step(trial) for trial in trials),
        warm_start=next(warm, None),
        importance=_importance(study, space) if len(complete) >= LEAST_FOR_IMPORTANCE else {},
        stopped=_stopped(len(trials), plan, exhausted=_told(space, plan, trials) is None),
        reused=reused,
    )


def _step(trial: optuna.trial.FrozenTrial) -> Step:
    import optuna

    whole = trial.state == optuna.trial.TrialState.COMPLETE
    # one that broke off without a loss has none to show
    loss = float(trial.values[0]) if trial.values else math.inf
    return Step(loss, not whole, trial.user_attrs.get(START, ""), _seconds(trial))


def _seconds(trial: optuna.trial.FrozenTrial) -> float:
    """How long a tuning trial took, by the clock of whoever ran it; a clock that was put back meanwhile counts nothing."""
    return max(0.0, trial.duration.total_seconds()) if trial.duration else 0.0


def _stopped(ran: int, plan: Plan, *, exhausted: bool) -> str:
    if ran >= plan.trials:
        return ""
    because = "the grid has no more points" if exhausted else f"the budget of {plan.seconds:g} s was spent"
    return f"stopped after {ran} of {plan.trials} tuning trials: {because}"


def _importance(study: optuna.Study, space: Space) -> dict[str, float]:
    """The mean decrease of impurity in a forest (Breiman 2001): of few trials it tells more than PED-ANOVA, and as much as functional ANOVA (ADR 0022)."""
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator, get_param_importances

    evaluator = MeanDecreaseImpurityImportanceEvaluator(seed=0)
    return get_param_importances(study, evaluator=evaluator, params=sorted(space.first))


def _sampler(plan: Plan, place: int) -> optuna.samplers.BaseSampler:
    import optuna

    (drawn,) = np.random.SeedSequence([plan.seed, place]).generate_state(1)
    if plan.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=int(drawn), n_startup_trials=_STARTUP_TRIALS)
    return optuna.samplers.RandomSampler(seed=int(drawn))


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

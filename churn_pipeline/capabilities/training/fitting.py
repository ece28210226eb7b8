"""Training: from the landmark snapshots of matured trials to one fitted scorer and the facts about it.

Four cohorts of trials, oldest first (`core.splits`):

    fit           the members learn here, in tuning
    validation    says when a fit stops, and which parameters
    calibration   says whether the level has moved
    test          judges; nothing is fitted on it

With the parameters and rounds found, members, weights and calibration are learnt from all three cohorts before the test cohort: which member or blend, and how
its margin becomes a probability, from margins that were cross-fitted (`crossfit`), so that no row is judged by a model that knows it; then
the members are fitted once more, on every row. Test is never fitted on: the gate would judge a model on its own training data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_pipeline.capabilities.training.algebra import one_thread
from churn_pipeline.capabilities.training.boosters import THREADED_CELLS, LightGBM, XGBoost
from churn_pipeline.capabilities.training.choice import Candidate, choose
from churn_pipeline.capabilities.training.crossfit import Fit, out_of_fold
from churn_pipeline.capabilities.training.evaluation import Measured, evaluate
from churn_pipeline.capabilities.training.learners import Learner, Material, objective
from churn_pipeline.capabilities.training.networks import Network
from churn_pipeline.capabilities.training.recipe import Recipe, fingerprint, search_fingerprint
from churn_pipeline.capabilities.training.tuning import Earlier, Plan, Tuned, tune
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.calibration import Calibrator, level
from churn_pipeline.core.calibration import choose as choose_calibration
from churn_pipeline.core.log_odds import losses, probability
from churn_pipeline.core.members.logistic import LogisticMember, Prepared
from churn_pipeline.core.metrics import offset
from churn_pipeline.core.schema import FeatureSchema, ModelFeature
from churn_pipeline.core.scorer import Scorer
from churn_pipeline.core.splits import Cohorts, cohorts
from churn_pipeline.core.vocabulary import segments

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from churn_pipeline.adapters.studies import Studies
    from churn_pipeline.core.members import Member

    Matrix = NDArray[np.float64]

FLOOR = LogisticMember.name
STRENGTHS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
SHRUNKEN = (30.0, 100.0, 300.0, 1_000.0)
"""Ridge penalties of the floor; from 30 up while conversions are few."""
LEAST_TRIALS = 10
"""Trials of either outcome without which nothing is fitted."""
FEW_CONVERSIONS = "few conversions yet"
GOLDEN_ROWS = 20
MOVED = 0.05
"""How often the level is said to have moved where it has not."""

Progress = Callable[[str], None]


class TrainingError(Exception):
    """The past does not hold enough to learn from."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted scorer, the regression that may not be better with evidence, and everything about it that is worth keeping."""

    fingerprint: str
    scorer: Scorer
    floor: Scorer
    facts: dict[str, Any]
    """What travels with the model, as JSON values; the same inputs give the same facts."""
    metrics: dict[str, float]
    golden: pd.DataFrame
    """Rows of the test cohort whose scores the stored model must give again."""
    tested: Measured
    tuned: Mapping[str, Tuned] = field(default_factory=dict)
    """How each search for parameters went; empty where nothing was tuned."""


@dataclass(frozen=True)
class _Rows:
    """The training frame, cut and encoded once."""

    frame: pd.DataFrame
    cut: Cohorts
    schema: FeatureSchema
    x: Matrix = field(repr=False)

    @cached_property
    def y(self) -> Matrix:
        return self.frame["converted"].to_numpy(dtype=np.float64)

    @cached_property
    def trials(self) -> NDArray[np.integer[Any]]:
        """The trial of each row, as its place among all by id: numbers compare in a hundredth of the time."""
        import pandas as pd

        return pd.factorize(self.frame["trial_id"], sort=True)[0]

    def conversions(self, rows: NDArray[np.bool_]) -> int:
        return len(np.unique(self.trials[rows & (self.y > 0)]))


def shortage(frame: pd.DataFrame, *, recipe: Recipe, noun: str = "trials") -> str:
    """Why nothing can be fitted on these matured snapshots, as a sentence that calls the trials by the `noun`; empty if something can.

    A young business has no model and its trials are scored by the rules: that is a state, not an error.
    """
    trials = frame.drop_duplicates("trial_id")
    if len(trials) < 4 * LEAST_TRIALS:
        return (
            f"{len(trials)} {noun} have matured; at least {4 * LEAST_TRIALS} are needed to learn, calibrate and judge"
        )
    oldest = trials["trial_id"][cut(trials, recipe).development]
    # of a team's own table the rows of one entity may have different labels
    outcomes = frame[frame["trial_id"].isin(oldest)].groupby("trial_id")["converted"].agg(["max", "min"])
    ones, zeros = int(outcomes["max"].sum()), int((~outcomes["min"].astype(bool)).sum())
    if min(ones, zeros) < LEAST_TRIALS:
        return (
            f"of the {len(oldest)} oldest {noun} {ones} converted; "
            f"at least {LEAST_TRIALS} that did and {LEAST_TRIALS} that did not are needed to learn from"
        )
    return ""


@one_thread()
def fit(
    frame: pd.DataFrame,
    *,
    catalogue: Sequence[ModelFeature],
    recipe: Recipe,
    studies: Studies,
    as_of: datetime,
    code: str,
    business: str,
    threads: int = 1,
    earlier: Mapping[str, Earlier] | None = None,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Tune, choose, fit, calibrate and test on the landmark snapshots of the trials that had matured by `as_of`.

    `frame` has trial_id, as_of, trial_day, started_at, converted (0/1, never null) and the features; one row a snapshot,
    only of trials that had not converted by then. `code` is the version of the code. Searches that were killed are taken
    up where they stopped, from what an `earlier` model tells of each. The number of `threads`, which work on large frames, changes nothing but the time.

    Raises:
        TrainingError: there is too little to learn from (see `shortage`).
    """
    if lack := shortage(frame, recipe=recipe):
        raise TrainingError(f"nothing was trained: {lack}.\n  do: wait, the trials are scored by the rules until then")
    mark = fingerprint(frame, catalogue=catalogue, recipe=recipe, code=code)
    rows = _prepared(frame, catalogue, recipe)
    found = _searched(rows, recipe, studies, earlier or {}, threads, progress)
    fits, learnt = found.fits, rows.cut.development
    progress(f"cross-fitting {', '.join(fits)} on {int(learnt.sum()):,} rows")
    margins = out_of_fold(fits, rows.x[learnt], rows.y[learnt], rows.trials[learnt])
    rng = np.random.default_rng([recipe.seed, 1])
    choice = choose(margins, rows.y[learnt], groups=rows.trials[learnt], rng=rng)
    progress(f"chosen: {choice.chosen.name}; fitting it on all of them")
    members = {name: fits[name](rows.x[learnt], rows.y[learnt]) for name in sorted({*choice.chosen.weights, FLOOR})}
    scorer, calibration_losses = _scorer(rows, members, margins, choice.chosen)
    floor, _ = _scorer(rows, members, margins, choice.considered[0])
    test = rows.frame[rows.cut.test]
    base = BaseRate.learn(rows.frame["trial_day"][learnt], rows.y[learnt])
    tested = evaluate(test, scorer=scorer, floor=floor, base=base, attributes=segments(rows.schema.features))
    facts = {
        "fingerprint": mark,
        "business": business,
        "trained_as_of": as_of.isoformat(),
        "code": code,
        "recipe": recipe.to_json(),
        "note": FEW_CONVERSIONS if found.few else "",
        "cohorts": _counts(rows),
        "calibrated_until": rows.cut.calibrated_until.to_json(),
        "base_rate": base.to_json(),
        "chosen": choice.chosen.name,
        "cross_fitted_loss": {candidate.name: candidate.loss for candidate in choice.considered},
        "parameters": found.parameters,
        "tuning": {name: tuned.facts() for name, tuned in found.tuned.items()},
        "weights": dict(choice.chosen.weights),
        "calibration": {"kind": scorer.calibrator.kind, "losses": dict(calibration_losses)},
        "features": list(rows.schema.names),
        "left_out": {dropped.name: dropped.because for dropped in rows.schema.dropped},
        "test": tested.facts(),
    }
    return Fitted(mark, scorer, floor, facts, tested.metrics(), _golden(test, tested), tested, found.tuned)


@dataclass(frozen=True, slots=True)
class _Searched:
    """How each kind of member is to be fitted, the floor first; while conversions are `few`, the floor alone."""

    fits: dict[str, Fit]
    parameters: dict[str, dict[str, float]]
    tuned: dict[str, Tuned]
    few: bool


def _searched(
    rows: _Rows, recipe: Recipe, studies: Studies, earlier: Mapping[str, Earlier], threads: int, progress: Progress
) -> _Searched:
    few = rows.conversions(rows.cut.fit) < recipe.few_conversions
    strength = _floor(rows, SHRUNKEN if few else STRENGTHS)
    learners = _learners(recipe, threads if rows.x.size > THREADED_CELLS else 1)
    tuned = {} if few else _tuned(rows, learners, recipe, studies, earlier, progress)
    rounds = _rounds(rows, learners, tuned)
    return _Searched(_fits(learners, tuned, rounds, strength), _parameters(tuned, rounds, strength), tuned, few)


def cut(frame: pd.DataFrame, recipe: Recipe) -> Cohorts:
    """The cohorts of a frame, by the shares of the recipe."""
    return cohorts(
        frame, validation=recipe.validation_share, calibration=recipe.calibration_share, test=recipe.test_share
    )


def _prepared(frame: pd.DataFrame, catalogue: Sequence[ModelFeature], recipe: Recipe) -> _Rows:
    ordered = frame.sort_values(["started_at", "trial_id", "as_of"], kind="stable").reset_index(drop=True)
    cohorts_of = cut(ordered, recipe)
    schema = FeatureSchema.learn(ordered[cohorts_of.development], catalogue)
    return _Rows(ordered, cohorts_of, schema, schema.encode(ordered))


def _learners(recipe: Recipe, threads: int) -> tuple[Learner, ...]:
    return (XGBoost(recipe.seed, threads), LightGBM(recipe.seed + 1, threads), Network(recipe.seed + 2))


def _floor(rows: _Rows, strengths: Sequence[float]) -> float:
    """The penalty of the floor with the least loss on validation (the stronger of equal ones)."""
    fit, validation = rows.cut.fit, rows.cut.validation
    prepared, judged = Prepared.of(rows.x[fit]), rows.x[validation]
    fitted = {s: LogisticMember.fit_prepared(prepared, rows.y[fit], strength=s) for s in strengths}
    loss = {s: float(losses(member.margin(judged), rows.y[validation]).mean()) for s, member in fitted.items()}
    return min(strengths, key=lambda s: (loss[s], -s))


def _tuned(
    rows: _Rows,
    learners: Sequence[Learner],
    recipe: Recipe,
    studies: Studies,
    earlier: Mapping[str, Earlier],
    progress: Progress,
) -> dict[str, Tuned]:
    fit, validation = _sampled(rows, recipe), rows.cut.validation
    material = Material(rows.x[fit], rows.y[fit], rows.x[validation], rows.y[validation])
    names = [
        f"{learner.name} {search_fingerprint(material, learner, sampler=recipe.tuning_sampler)}" for learner in learners
    ]
    found = {}
    with studies.searches(*names) as searches:
        for learner, search in zip(learners, searches, strict=True):
            plan = Plan(
                max(1, round(learner.searched * recipe.tuning_trials)),
                learner.seed,
                recipe.tuning_sampler,
                recipe.tuning_seconds,
                earlier.get(learner.name, Earlier()),
            )
            found[learner.name] = tune(objective(learner, material), space=learner.space, search=search, plan=plan)
            progress(f"{learner.name}: {found[learner.name]}")
    return found


def _sampled(rows: _Rows, recipe: Recipe) -> NDArray[np.bool_]:
    """Rows of whole trials of the fit cohort, drawn by seed, about `tuning_rows` of them."""
    fit = rows.cut.fit
    names = np.unique(rows.trials[fit])
    share = min(1.0, recipe.tuning_rows / int(fit.sum()))
    drawn = np.random.default_rng(recipe.seed).permutation(len(names))[: round(share * len(names))]
    return fit & np.isin(rows.trials, names[drawn])


def _rounds(rows: _Rows, learners: Sequence[Learner], tuned: Mapping[str, Tuned]) -> dict[str, int]:
    """The rounds after which each learner stops by itself on validation, fitted on all of the fit cohort."""
    fit, validation = rows.cut.fit, rows.cut.validation
    material = Material(rows.x[fit], rows.y[fit], rows.x[validation], rows.y[validation])
    return {
        learner.name: learner.fit_stopped(material, tuned[learner.name].parameters).rounds
        for learner in learners
        if learner.name in tuned
    }


def _fits(
    learners: Sequence[Learner], tuned: Mapping[str, Tuned], rounds: Mapping[str, int], strength: float
) -> dict[str, Fit]:
    """How each kind of member is fitted, the floor first."""

    def floor(x: Matrix, y: Matrix) -> Member:
        return LogisticMember.fit(x, y, strength=strength)

    def learnt(learner: Learner) -> Fit:
        parameters, stop = tuned[learner.name].parameters, rounds[learner.name]
        return lambda x, y: learner.fit(x, y, parameters, rounds=stop)

    return {FLOOR: floor} | {learner.name: learnt(learner) for learner in learners if learner.name in tuned}


def _scorer(
    rows: _Rows, members: Mapping[str, Member], margins: Mapping[str, Matrix], chosen: Candidate
) -> tuple[Scorer, Mapping[Any, float]]:
    """The weighted members, calibrated on cross-fitted margins, and what each way to calibrate lost there.

    First the shape, then the level: how many convert moves with the seasons, and not every way to calibrate shifts.
    """
    learnt = rows.cut.development
    y, trials = rows.y[learnt], rows.trials[learnt]
    margin = chosen.margin(margins)
    found = choose_calibration(margin, y, trials)
    intercept = chosen.intercept + _level(margin, y, trials, found.calibrator, newest=rows.cut.calibration[learnt])
    parts = tuple(members[name] for name in chosen.weights)
    return Scorer(rows.schema, parts, tuple(chosen.weights.values()), intercept, found.calibrator), found.losses


def _level(
    margin: Matrix, y: Matrix, trials: NDArray[np.integer[Any]], calibrator: Calibrator, *, newest: NDArray[np.bool_]
) -> float:
    """What has to be added to margins so that as many are predicted as convert: of all trials, or, where there is evidence that these
    convert more or less often than older ones, of the newest."""
    shift = level(margin, y, calibrator=calibrator)
    said = probability(calibrator(margin[newest] + shift))
    moved = offset(said, y[newest] > 0, groups=trials[newest], confidence=1 - MOVED)
    if moved.low <= 0 <= moved.high:
        return shift
    return level(margin[newest], y[newest], calibrator=calibrator)


def _counts(rows: _Rows) -> dict[str, dict[str, int]]:
    parts = {name: getattr(rows.cut, name) for name in ("fit", "validation", "calibration", "test")}
    return {
        name: {
            "rows": int(part.sum()),
            "trials": len(np.unique(rows.trials[part])),
            "conversions": rows.conversions(part),
        }
        for name, part in parts.items()
    }


def _parameters(tuned: Mapping[str, Tuned], rounds: Mapping[str, int], strength: float) -> dict[str, dict[str, float]]:
    learners = {name: {**found.parameters, "rounds": rounds[name]} for name, found in tuned.items()}
    return {FLOOR: {"strength": strength}, **learners}


def _golden(test: pd.DataFrame, tested: Measured) -> pd.DataFrame:
    """Rows spread evenly from the lowest to the highest score."""
    order = np.argsort(tested.probability, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, GOLDEN_ROWS).astype(int))
    chosen: pd.DataFrame = test.iloc[order[places]]
    return chosen

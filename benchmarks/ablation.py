"""What each family of features is worth: log loss on the newest trials with all features, and with one family left out.

    churn run [--source DIR --mapping FILE]                     # the business whose training set is taken
    python benchmarks/ablation.py [--source DIR --mapping FILE]

Two ways: the family left out of everything (what no other family can tell), and alone with the trial's day (what it tells
at all). The model is the blend of the logistic regression and of LightGBM with its first parameters, made as in training: fitted
on the oldest trials, stopped and blended on the next, judged on all newer ones, which nothing has seen. Intervals: 95 %,
paired bootstrap over trials. A family lifts where its interval lies above 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.adapters.frames import candidate_features, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.capabilities.training.boosters import LightGBM
from churn_pipeline.capabilities.training.fitting import cut
from churn_pipeline.capabilities.training.journey import past_steps, way_features
from churn_pipeline.capabilities.training.learners import Material
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED
from churn_pipeline.contracts.features.value import REACHED
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.blend import fit_blend
from churn_pipeline.core.gain import gain
from churn_pipeline.core.log_odds import losses, probability
from churn_pipeline.core.members.logistic import LogisticMember
from churn_pipeline.core.metrics import Interval, auc
from churn_pipeline.core.schema import FeatureSchema, ModelFeature
from churn_pipeline.settings import Settings, load_settings

CLOCK = "trial_day"
"""Kept in every set of features: what a trial is worth depends on its day, whatever it did."""
STRENGTH = 300.0
RESAMPLES = 2_000
CONFIDENCE = 0.95


class Ablation:
    """The training set of a day, cut as in training."""

    def __init__(self, lake: Lake, as_of: datetime, settings: Settings) -> None:
        recipe = Recipe.of(settings)
        looks = snapshot_frame(lake, TRAINING_SET.name, as_of, (), also=("converted",))
        steps = past_steps(lake, as_of, until=cut(looks, recipe).learnt_until)
        way = way_features(steps, first_value=settings.first_value)
        self.catalogue = (*candidate_features(lake, as_of), *way)
        frame = snapshot_frame(lake, TRAINING_SET.name, as_of, self.catalogue, also=("converted",))
        self.frame = frame.sort_values(["started_at", "trial_id", "as_of"], kind="stable").reset_index(drop=True)
        self.cut = cut(self.frame, recipe)
        self.seed = recipe.seed
        self.learnt = self.cut.fit | self.cut.validation
        self.judged = ~self.learnt

    @property
    def families(self) -> tuple[str, ...]:
        """Families with a feature that varies, in the order of the register."""
        varying = {f.name for f in FeatureSchema.learn(self.frame[self.learnt], self.catalogue).features}
        return tuple(dict.fromkeys(family(f) for f in self.catalogue if f.name in varying))

    def margin(self, families: Collection[str]) -> NDArray[np.float64]:
        """Log-odds for the judged rows, of a model that knows the features of these families."""
        used = [f for f in self.catalogue if family(f) in families or f.name == CLOCK]
        fit, validation = self.cut.fit, self.cut.validation
        schema = FeatureSchema.learn(self.frame[self.learnt], used)
        x, y = schema.encode(self.frame), self.frame["converted"].to_numpy(dtype=np.float64)
        booster = LightGBM(self.seed)
        material = Material(x[fit], y[fit], x[validation], y[validation])
        members = [
            LogisticMember.fit(x[fit], y[fit], strength=STRENGTH),
            booster.fit_stopped(material, booster.space.first).member,
        ]
        blend = fit_blend(np.column_stack([member.margin(x[validation]) for member in members]), y[validation])
        told = np.column_stack([member.margin(x[self.judged]) for member in members])
        return np.asarray(blend.intercept + told @ np.asarray(blend.weights), dtype=np.float64)

    def compare(self, worse: NDArray[np.float64], better: NDArray[np.float64]) -> Interval:
        """By how much the second log-odds lose less."""
        return gain(
            losses(worse, self.converted),
            losses(better, self.converted),
            groups=self.frame["trial_id"][self.judged],
            rng=np.random.default_rng(self.seed),
            resamples=RESAMPLES,
            confidence=CONFIDENCE,
        )

    @property
    def converted(self) -> NDArray[np.float64]:
        """What became of the judged rows."""
        return np.asarray(self.frame["converted"][self.judged], dtype=np.float64)


def family(feature: ModelFeature) -> str:
    """The family that a feature of a model belongs to."""
    registered = {f.name: f.family for f in FEATURES}
    if feature.name in registered:
        return registered[feature.name]
    return REACHED.family if feature.steps else next(n.family for n in NAMED if feature.name.startswith(n.prefix))


def verdict(found: Interval) -> str:
    """What an interval says."""
    return "lifts" if found.low > 0 else "harms" if found.high < 0 else "no evidence"


def table(ablation: Ablation) -> list[str]:
    """The lines of a Markdown table."""
    families = ablation.families
    everything, clock = ablation.margin(families), ablation.margin(())
    whole = ablation.compare(clock, everything)
    trials = ablation.frame["trial_id"][ablation.judged].nunique()
    area = auc(probability(everything), ablation.converted)
    lines = [
        f"{trials:,} trials judged ({int(ablation.judged.sum()):,} rows); all features: log loss "
        f"{losses(everything, ablation.converted).mean():.4f}, AUC {area:.3f}; better than the trial's day alone by {words(whole)}",
        "",
        "| family | left out: log loss worse by | | alone with the trial's day: better by | AUC |  |",
        "|---|---|---|---|---|---|",
    ]
    for one in families:
        without = ablation.compare(ablation.margin([f for f in families if f != one]), everything)
        alone = ablation.margin([one])
        lift = ablation.compare(clock, alone)
        area = auc(probability(alone), ablation.converted)
        lines.append(
            f"| {one} | {words(without)} | {verdict(without)} | {words(lift)} | {area:.3f} | {verdict(lift)} |"
        )
        sys.stderr.write(f"{one}\n")
    return lines


def words(found: Interval) -> str:
    """An interval in thousandths of a nat."""
    mid, low, high = (1_000 * part for part in (found.mid, found.low, found.high))
    return f"{mid:+.1f} ({low:+.1f} to {high:+.1f})"


def newest(settings: Settings) -> datetime:
    """The newest day of which there is a training set."""
    day = Lake.of(settings).newest_before(TRAINING_SET.name, datetime.max.replace(tzinfo=UTC))
    if day is None:
        raise SystemExit(f"{settings.home} has no training set.\n  do: churn run, with the same source and mapping")
    return day


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--mapping", type=Path)
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    settings = load_settings(**given)
    as_of = newest(settings)
    lines = table(Ablation(Lake.of(settings), as_of, settings))
    print(f"### {settings.business}, as of {as_of:%Y-%m-%d} (thousandths of a nat)\n", *lines, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])

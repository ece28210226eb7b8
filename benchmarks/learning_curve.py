"""What models are worth at every size: ours against what a team would take instead, from 8 to 5,000 conversions, and whether probabilities are right.

    churn run                                                  # the demo: trials of the simulator, whose training set is taken
    python benchmarks/quality.py split FOLDER                  # public tables; CHURN_REALDATA names them
    python benchmarks/learning_curve.py FOLDER [--only SET,SET] [--sizes N,N]    # draws that were judged before are not judged again
    python benchmarks/learning_curve.py FOLDER --table

Each set is halved once by trial (the simulator: seven tenths and three): the second part judges, whole, and nobody learns from it. From the first part as many trials are drawn, by
chance alone, as have that many conversions on average; a size has several draws, small ones more. Ours is the real `fit` with the settings as they are, its parameters,
choice and calibration out of the drawn trials alone; where `shortage` says that nothing can be fitted it is the base rate. The others are
scikit-learn's logistic regression (scaled, one-hot, C = 1) and LightGBM with default settings (`quality_others`), on the same trials.

Intervals are 95 % and hold for other draws and other trials: the standard errors over draws (by t) and over judged trials are added in squares. Log loss less ours above 0: ours is
better with evidence. Calibrated is called what, within these intervals, says on average the rate of the trials that it learnt from to .01 (that their rate is another than that of the judged ones is the luck
of the draw, and the same for all), has a slope between .8 and 1.25 (labels regressed on log-odds, all
draws together, each with its own level; below 1 a model boasts, above it is timid), and a root mean squared calibration error, chance taken off, of at most .02 beyond what the rate of so few trials is off by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from benchmarks.ablation import newest
from benchmarks.quality import DAY
from benchmarks.quality_others import lightgbm_default, logistic
from churn_pipeline.adapters.frames import candidate_features, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.fitting import fit, shortage
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.base_rate import BaseRate
from churn_pipeline.core.log_odds import fit_linear, log_odds
from churn_pipeline.core.metrics import Interval, auc, losses, rms_calibration_error
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.settings import Settings, load_settings

SIMULATED = "simulator"
SETS = (SIMULATED, "telco_churn", "bank_marketing", "online_shoppers")
DRAWS = {8: 10, 20: 12, 50: 10, 120: 8, 500: 5, 5_000: 3}
"""Conversions, and how often as many are drawn."""
OURS, LOGISTIC, LIGHTGBM = "ours", "logistic regression", "LightGBM, defaults"
OTHERS = {LOGISTIC: logistic, LIGHTGBM: lightgbm_default}
TEST_TRIALS = 100
"""Of the judging part: the test cohort that `fit` must have; it learns nothing from it."""
MOST_OFF, SLOPES, MOST_ERROR = 0.01, (0.8, 1.25), 0.02

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Pool:
    """Snapshots of trials to draw from and to judge on."""

    name: str
    frame: pd.DataFrame
    catalogue: tuple[ModelFeature, ...]
    share: float
    """Of the trials, that are drawn from."""

    @cached_property
    def judging(self) -> Numbers:
        """Whether each row is of a trial that judges."""
        hashed = pd.util.hash_pandas_object(self.frame["trial_id"].astype(str), index=False).to_numpy()
        return np.asarray(hashed % 1_000 >= 1_000 * self.share)

    @cached_property
    def judged(self) -> pd.DataFrame:
        return self.frame[self.judging].reset_index(drop=True)

    @property
    def kinds(self) -> dict[str, Any]:
        """What each feature is, for the others; a column that nothing fills is none."""
        filled = self.frame.notna().any()
        return {f.name: f.kind for f in self.catalogue if f.name in self.frame and filled[f.name]}

    def rate(self) -> float:
        """Conversions a trial."""
        return float(self.frame.groupby("trial_id")["converted"].max().mean())

    def sizes(self) -> list[int]:
        """Conversions for which there are trials enough."""
        there = self.rate() * self.frame["trial_id"][~self.judging].nunique()
        return [size for size in DRAWS if size <= 0.9 * there]

    def draw(self, size: int, place: int) -> pd.DataFrame:
        """The snapshots of as many trials, drawn by chance, as have `size` conversions on average."""
        names = np.unique(self.frame["trial_id"][~self.judging])
        drawn = np.random.default_rng([size, place]).permutation(names)[: round(size / self.rate())]
        return self.frame[self.frame["trial_id"].isin(drawn)].reset_index(drop=True)


def pool(name: str, folder: Path, settings: Settings) -> Pool:
    """The trials of the simulator, or the rows of a public table as trials with one snapshot."""
    if name == SIMULATED:
        lake, as_of = Lake.of(settings), newest(settings)
        catalogue = tuple(candidate_features(lake, as_of))
        frame = snapshot_frame(lake, TRAINING_SET.name, as_of, catalogue, also=("converted",))
        return Pool(name, frame.assign(converted=frame["converted"].astype(float)), catalogue, 0.7)
    rows = pd.read_parquet(folder / name / "rows.parquet")
    kinds = json.loads((folder / name / "kinds.json").read_text())
    frame = rows[list(kinds)].copy()
    frame["trial_id"], frame["converted"], frame["trial_day"] = rows["__id"], rows["__label"].astype(float), 0
    order = pd.util.hash_pandas_object(rows["__id"], index=False).to_numpy() % 1_000_000
    frame["started_at"] = DAY + pd.to_timedelta(order, unit="us")
    frame["as_of"] = DAY + timedelta(days=3)
    return Pool(name, frame, tuple(ModelFeature(column, kind) for column, kind in kinds.items()), 0.5)


def ours(drawn: pd.DataFrame, of: Pool, settings: Settings) -> tuple[Numbers, str]:
    """Probabilities of the judged rows by the pipeline's own training, and what its scores would say of themselves."""
    some = of.judged["trial_id"].drop_duplicates()[:TEST_TRIALS]
    test = of.judged[of.judged["trial_id"].isin(some)]
    both = pd.concat([drawn, test.assign(started_at=drawn["started_at"].max() + timedelta(days=1))], ignore_index=True)
    recipe = _recipe(settings, len(some) / both["trial_id"].nunique())
    if shortage(both, recipe=recipe):
        base = BaseRate.learn(drawn["trial_day"], drawn["converted"])
        return base.probability(of.judged["trial_day"]), "nothing is trained"
    with tempfile.TemporaryDirectory() as beside:
        fitted = fit(
            both,
            catalogue=of.catalogue,
            recipe=recipe,
            studies=Studies(f"sqlite:///{beside}/studies.db"),
            as_of=DAY,
            code="benchmark",
            business="benchmark",
            threads=settings.threads,
        )
    return fitted.scorer.probability(of.judged), fitted.facts["note"] or fitted.facts["chosen"]


def _recipe(settings: Settings, test: float) -> Recipe:
    """The recipe with this share of trials in the test cohort, the others as they are to each other."""
    rest = (1 - test) / (1 - settings.test_share)
    shares = {name: getattr(settings, name) * rest for name in ("validation_share", "calibration_share")}
    return Recipe.of(settings.model_copy(update={"test_share": test, **shares}))


def judge(folder: Path, names: Sequence[str], sizes: Sequence[int], settings: Settings) -> None:
    """Write the probabilities of every draw that was not judged before, one file a draw."""
    for name in names:
        of = pool(name, folder, settings)
        for size in [size for size in of.sizes() if size in sizes]:
            for place in range(DRAWS[size]):
                path = folder / "curve" / f"{name}-{size}-{place}.parquet"
                if path.exists():
                    continue
                drawn = of.draw(size, place)
                said = _said(drawn, of, settings)
                path.parent.mkdir(parents=True, exist_ok=True)
                said.to_parquet(path, index=False)
                sys.stderr.write(f"{path.stem}: {said.attrs['note']}\n")


def _said(drawn: pd.DataFrame, of: Pool, settings: Settings) -> pd.DataFrame:
    mine, note = ours(drawn, of, settings)
    said = pd.DataFrame({OURS: mine})
    for name, way in OTHERS.items():
        kinds = {column: kind for column, kind in of.kinds.items() if drawn[column].notna().any()}
        said[name] = way(_plain(drawn, kinds), drawn["converted"].to_numpy(), _plain(of.judged, kinds), kinds, 0.0)
    said.attrs["note"] = note
    return said.astype(np.float32)


def _plain(frame: pd.DataFrame, kinds: dict[str, Any]) -> pd.DataFrame:
    """Numbers as floats, texts as objects with None: what the others' own preparation takes."""
    return pd.DataFrame(
        {
            name: frame[name].astype(float)
            if kind == "number"
            else frame[name].astype(object).where(frame[name].notna(), None)
            for name, kind in kinds.items()
        }
    )


@dataclass(frozen=True)
class Judged:
    """What every way said of the judged rows, in every draw of one size: arrays (draws, rows)."""

    said: dict[str, Numbers]
    y: Numbers
    trial: np.ndarray[Any, np.dtype[np.intp]]
    notes: list[str]
    rates: Numbers
    """Of the drawn snapshots, one a draw."""
    level: float
    """What the rate of so few trials is off by itself: its standard error."""

    def mean(self, values: Numbers) -> Interval:
        """The mean over draws and rows of values (draws, rows), for other draws and other trials."""
        rows = values.shape[1]
        over_trials = np.bincount(self.trial, values.mean(axis=0) - values.mean())
        error = np.sqrt((over_trials**2).sum()) / rows
        return _interval(float(values.mean()), [_over_draws(values.mean(axis=1)), 1.96 * error])

    def offset(self, way: str) -> Interval:
        """Labels less probabilities."""
        return self.mean(self.y - self.said[way])

    def slope(self, way: str) -> Interval:
        """Of labels on log-odds, all draws together, each with a level of its own; the interval by leaving out one draw at a time (jackknife)."""
        margins = np.clip(log_odds(self.said[way]), -18, 18)
        draws = len(margins)
        left = [_slope(np.delete(margins, place, axis=0), self.y) for place in range(draws)]
        pseudo = draws * _slope(margins, self.y) - (draws - 1) * np.array(left)
        return _interval(float(pseudo.mean()), [_over_draws(pseudo)])

    def error(self, way: str) -> Interval:
        """Root mean squared calibration error of a draw, without chance."""
        each = np.array([rms_calibration_error(p, self.y, groups=self.trial) for p in self.said[way]])
        return _interval(float(each.mean()), [_over_draws(each)])

    def calibrated(self, way: str) -> str:
        """Whether it is, or by what it is not; see the head of the file."""
        each = self.rates - self.said[way].mean(axis=1)
        off, slope, error = _interval(float(each.mean()), [_over_draws(each)]), self.slope(way), self.error(way)
        amiss = [
            *(["level"] if off.low > MOST_OFF or off.high < -MOST_OFF else []),
            *(["boasts"] if slope.high < SLOPES[0] else []),
            *(["timid"] if slope.low > SLOPES[1] else []),
            *(["error"] if error.low > MOST_ERROR + self.level else []),
        ]
        return ", ".join(amiss) or "yes"


def _over_draws(each: Numbers) -> float:
    return float(student.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each)))


def _interval(mid: float, halves: Sequence[float]) -> Interval:
    half = float(np.sqrt(sum(one**2 for one in halves)))
    return Interval(mid, mid - half, mid + half)


def _slope(margins: Numbers, y: Numbers) -> float:
    level = np.repeat(np.eye(len(margins)), margins.shape[1], axis=0)
    design = np.column_stack([margins.ravel(), level])
    return float(fit_linear(design, np.tile(y, len(margins)), penalty=1e-6).coefficients[0])


def table(folder: Path, names: Sequence[str], sizes: Sequence[int], settings: Settings) -> Iterator[str]:
    """The lines of a Markdown table of all that was judged."""
    yield (
        "| set | conversions | way | log loss | AUC | log loss less ours (95 %) | said too little by (95 %) | slope (95 %) "
        "| calibration error (95 %) | calibrated |"
    )
    yield f"|{'---|' * 10}"
    for name in names:
        of = pool(name, folder, settings)
        for size in [size for size in of.sizes() if size in sizes]:
            found = _judged(folder, of, size)
            for way, said in found.said.items():
                lost = losses(said, found.y)
                apart = "" if way == OURS else str(found.mean(lost - losses(found.said[OURS], found.y)))
                area = np.mean([auc(p, found.y) for p in said])
                what = f"{way} ({', '.join(sorted(set(found.notes)))})" if way == OURS else way
                yield (
                    f"| {name} | {size:,} | {what} | {lost.mean():.4f} | {area:.3f} | {apart} | {_brief(found.offset(way), 3)} "
                    f"| {_brief(found.slope(way), 2)} | {_brief(found.error(way), 3)} | {found.calibrated(way)} |"
                )


def _judged(folder: Path, of: Pool, size: int) -> Judged:
    paths = [folder / "curve" / f"{of.name}-{size}-{place}.parquet" for place in range(DRAWS[size])]
    read = [pd.read_parquet(path) for path in paths if path.exists()]
    trial = pd.factorize(of.judged["trial_id"])[0]
    rate = of.rate()
    return Judged(
        {way: np.array([one[way] for one in read], dtype=np.float64) for way in (OURS, *OTHERS)},
        of.judged["converted"].to_numpy(dtype=np.float64),
        np.asarray(trial),
        [one.attrs["note"] for one in read],
        np.array([of.draw(size, place)["converted"].mean() for place, path in enumerate(paths) if path.exists()]),
        float(np.sqrt(rate * (1 - rate) * rate / size)),
    )


def _brief(found: Interval, places: int) -> str:
    return f"{found.mid:.{places}f} ({found.low:.{places}f}..{found.high:.{places}f})"


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--sizes", default=",".join(map(str, DRAWS)))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    names, sizes, settings = given.only.split(","), [int(n) for n in given.sizes.split(",")], load_settings()
    if not given.table:
        judge(given.folder, names, sizes, settings)
    sys.stdout.write("\n".join(table(given.folder, names, sizes, settings)) + "\n")


if __name__ == "__main__":
    main()

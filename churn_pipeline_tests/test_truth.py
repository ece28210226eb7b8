"""The demo business against its known truth: what the scores are worth, and that they mean what they say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from churn_pipeline.adapters.frames import candidate_features, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.training import fitting
from churn_pipeline.capabilities.training.choice import choose
from churn_pipeline.capabilities.training.crossfit import Fit, out_of_fold
from churn_pipeline.capabilities.training.learners import Learner
from churn_pipeline.capabilities.training.recipe import Recipe
from churn_pipeline.core.gain import gain
from churn_pipeline.core.log_odds import probability
from churn_pipeline.core.members.logistic import LogisticMember
from churn_pipeline.core.metrics import auc
from churn_pipeline.core.splits import Bound, after
from churn_pipeline.settings import Settings
from churn_pipeline_tests.chains import UNTIL, as_of, run

pytestmark = [pytest.mark.flow, pytest.mark.slow]

DAYS_SCORED_AGAIN = 4


@pytest.fixture(scope="module")
def demo(database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo business as `make run` makes it (less tuned, with fewer draws of chance, without pictures and Great Expectations), and a few matured days of its newest cohorts scored again."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("demo"),
        postgres_url=database_of_module,
        tuning_trials=1,
        gate_resamples=500,
        drift_false_alarm=0.1,
        threads=1,  # tests run side by side
        reports=False,
        suite_sample_rows=0,
    )
    assert run(settings).success
    for week in range(DAYS_SCORED_AGAIN):
        day = UNTIL - timedelta(days=28 + 7 * week)
        assert run(settings, "rescore", day, only=("snapshots", "labels", "scores")).success
    return settings


@pytest.fixture(scope="module")
def truth(demo: Settings) -> pd.DataFrame:
    """Each trial's true probability to convert."""
    frame: pd.DataFrame = pq.read_table(demo.truth_file).to_pandas()
    return frame


def test_the_score_table_comes_near_the_truth_the_later_the_nearer(demo: Settings, truth: pd.DataFrame) -> None:
    scores = (
        Warehouse.of(demo).read("select trial_id, as_of, trial_day, conversion_probability from scores").to_pandas()
    )
    labels = Lake.of(demo).read("labels", as_of(UNTIL), select="trial_id, converted").to_pandas()
    joined = scores.merge(truth, on="trial_id", validate="many_to_one").merge(labels, on="trial_id")
    assert len(scores) == len(scores.merge(truth, on="trial_id"))
    early, late = joined[joined["trial_day"] <= 4], joined[joined["trial_day"] >= 11]
    assert min(len(early), len(late)) > 1_000
    gap = {
        name: auc(part["probability"], part["converted"]) - auc(part["conversion_probability"], part["converted"])
        for name, part in (("early", early), ("late", late))
    }
    assert gap["late"] < 0.05
    assert gap["late"] < gap["early"]
    correlation = [np.corrcoef(p["probability"], p["conversion_probability"])[0, 1] for p in (early, late)]
    assert correlation[1] > correlation[0] > 0.4


def test_auc_rises_with_the_trial_day_up_to_within_a_twentieth_of_the_truth(
    demo: Settings, truth: pd.DataFrame
) -> None:
    bundle = ModelStore.of(demo).load("1")
    by_day = {int(day): figures for day, figures in bundle.facts["test"]["by_day"].items()}
    areas = [by_day[day]["auc"]["mid"] for day in sorted(by_day)]
    assert areas == sorted(areas)
    last = max(by_day)
    columns = "trial_id, started_at, trial_day, converted"
    rows = Lake.of(demo).read("training_set", as_of(UNTIL), select=columns).to_pandas()
    tested = rows[after(rows, Bound.from_json(bundle.facts["calibrated_until"]))]
    judged = tested[tested["trial_day"] == last].merge(truth, on="trial_id", validate="one_to_one")
    assert len(judged) == by_day[last]["trials"]
    assert auc(judged["probability"], judged["converted"]) - by_day[last]["auc"]["mid"] < 0.05


def test_scores_mean_what_they_say_at_every_landmark(demo: Settings) -> None:
    by_day = ModelStore.of(demo).load("1").facts["test"]["by_day"]
    judged = {day: figures["ece"] for day, figures in by_day.items() if figures["trials"] > 1_000}
    assert len(judged) == 5
    assert max(judged.values()) < 0.03, judged


def test_calibration_brings_every_base_model_nearer_to_the_truth_where_it_boasts_and_no_farther_where_it_is_right(
    demo: Settings, truth: pd.DataFrame
) -> None:
    """By the squared distance to the true probability, which the mean of what a look can know makes least: the absolute one is least at its median, and a model
    that boasts a little lies nearer by it. On the first look, when nobody has converted yet; each kind as training makes it, and made to boast."""
    rows, found = searched(demo, trials=1_500)
    learnt, test = rows.cut.development, rows.cut.test & (rows.frame["trial_day"] == 1).to_numpy()
    judged = rows.frame[test].merge(truth, on="trial_id", validate="one_to_one")
    for fits, boasts in ((found.fits, False), (boasting(demo), True)):
        margins = out_of_fold(fits, rows.x[learnt], rows.y[learnt], rows.trials[learnt])
        choice = choose(margins, rows.y[learnt], groups=rows.trials[learnt], rng=np.random.default_rng(1))
        alone = {candidate.name: candidate for candidate in choice.considered if candidate.name in fits}
        assert set(alone) == set(fits) >= {"logistic", "xgboost", "lightgbm"}
        for name, candidate in alone.items():
            member = fits[name](rows.x[learnt], rows.y[learnt])
            scorer, _ = fitting._scorer(rows, {name: member}, margins, candidate)
            said = (probability(member.margin(rows.x[test])), scorer.probability(rows.frame[test]))
            raw, calibrated = ((each - judged["probability"].to_numpy()) ** 2 for each in said)
            nearer = gain(
                raw,
                calibrated,
                groups=judged["trial_id"],
                rng=np.random.default_rng(2),
                resamples=1_000,
                confidence=0.95,
            )
            assert nearer.low > 0 if boasts else nearer.high >= 0, (name, boasts, str(nearer))


def searched(demo: Settings, *, trials: int) -> tuple[fitting._Rows, fitting._Searched]:
    """The training set of the demo, of so many trials drawn by chance, and how training would fit each kind of member on it."""
    lake, recipe = Lake.of(demo), Recipe.of(demo)
    catalogue = tuple(candidate_features(lake, as_of(UNTIL)))
    frame = snapshot_frame(lake, "training_set", as_of(UNTIL), catalogue, also=("converted",))
    drawn = np.random.default_rng(0).permutation(frame["trial_id"].unique())[:trials]
    rows = fitting._prepared(frame[frame["trial_id"].isin(drawn)], catalogue, recipe)
    return rows, fitting._searched(rows, recipe, Studies.of(demo), {}, 1, lambda _: None)


def boasting(demo: Settings) -> dict[str, Fit]:
    """Fits that learn rows by heart: hardly a penalty on a fifth of them, and far too many rounds."""

    def by_heart(learner: Learner) -> Fit:
        return lambda x, y: learner.fit(x, y, learner.space.first, rounds=400)

    fits: dict[str, Fit] = {"logistic": lambda x, y: LogisticMember.fit(x[::5], y[::5], strength=1e-3)}
    return fits | {learner.name: by_heart(learner) for learner in fitting._learners(Recipe.of(demo), 1)}


def test_the_truth_lies_where_no_source_reads(demo: Settings) -> None:
    assert not Path(demo.truth_file).is_relative_to(demo.source_folder)

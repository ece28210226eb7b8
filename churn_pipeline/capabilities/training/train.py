"""From the training set of a day to a registered challenger, trained at most once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import churn_pipeline
from churn_pipeline.adapters.bundle import BundleError
from churn_pipeline.adapters.engine import quoted
from churn_pipeline.adapters.feature_table import read_columns
from churn_pipeline.adapters.frames import candidate_features, snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import Logged, ModelStore, ModelVersion
from churn_pipeline.adapters.own_features import own_features
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.description import description
from churn_pipeline.capabilities.training.fitting import Fitted, cut, fit, shortage
from churn_pipeline.capabilities.training.journey import past_steps, way_features
from churn_pipeline.capabilities.training.pictures import pictures
from churn_pipeline.capabilities.training.recipe import Recipe, fingerprint
from churn_pipeline.capabilities.training.tuning import Earlier, from_champion
from churn_pipeline.contracts.lake import CHALLENGER, TRAINING_SET
from churn_pipeline.core.feature_table import table_features
from churn_pipeline.core.featurize.version import features_version
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Trained:
    """The challenger of a day, or why there is none."""

    version: ModelVersion | None
    because: str


def train(
    lake: Lake,
    models: ModelStore,
    studies: Studies,
    *,
    as_of: datetime,
    settings: Settings,
    progress: Callable[[str], None],
) -> Trained:
    """Train a challenger on the training set of the day; one made from the same rows, recipe and code is taken as it is.

    Its searches try the champion's parameters after the defaults, unless they began before that champion was there.
    """
    recipe = Recipe.of(settings)
    code = code_version()
    looks = snapshot_frame(lake, TRAINING_SET.name, as_of, (), also=("converted",))
    lack = shortage(looks, recipe=recipe, noun=settings.noun)
    if lack:
        return Trained(None, lack)
    frame, catalogue = material(lake, looks, as_of=as_of, recipe=recipe, settings=settings)
    known = models.find(fingerprint(frame, catalogue=catalogue, recipe=recipe, code=code))
    if known is not None:
        return Trained(known, "trained before, from the same rows, recipe and code")
    fitted = fit(
        frame,
        catalogue=catalogue,
        recipe=recipe,
        studies=studies,
        as_of=as_of,
        code=code,
        business=settings.business,
        threads=settings.threads,
        earlier=_of_champion(models, as_of, progress),
        progress=progress,
    )
    return Trained(
        models.log(logged(fitted, draw=settings.reports, noun=settings.noun)),
        _learnt_from(fitted, newer=_by_time(lake, as_of), noun=settings.noun),
    )


def _of_champion(models: ModelStore, as_of: datetime, progress: Callable[[str], None]) -> dict[str, Earlier]:
    champion = models.champion()
    if champion is None:
        return {}
    try:
        facts = models.load(champion.version).facts
    except BundleError as error:
        # its successor may well be what mends this
        progress(f"no search begins with the champion's parameters: {error}")
        return {}
    if datetime.fromisoformat(facts["trained_as_of"]) > as_of:
        # on a past day nobody knew it
        return {}
    return from_champion(facts)


def material(
    lake: Lake, looks: pd.DataFrame, *, as_of: datetime, recipe: Recipe, settings: Settings
) -> tuple[pd.DataFrame, tuple[ModelFeature, ...]]:
    """The training set of a day, of which `looks` are the keys and labels, and the features that a model may use of it."""
    table = read_columns(lake, as_of)
    catalogue = table_features(table) if table else _of_trials(lake, looks, as_of, recipe, settings)
    return snapshot_frame(lake, TRAINING_SET.name, as_of, catalogue, also=("converted",)), catalogue


def _of_trials(
    lake: Lake, looks: pd.DataFrame, as_of: datetime, recipe: Recipe, settings: Settings
) -> tuple[ModelFeature, ...]:
    steps = past_steps(lake, as_of, until=cut(looks, recipe).learnt_until)
    own = own_features(settings.own_features, lake.engine)
    return (*candidate_features(lake, as_of, own), *way_features(steps, first_value=settings.first_value))


def _learnt_from(fitted: Fitted, *, newer: bool, noun: str) -> str:
    """On how many trials a model was made and on which others it was tested."""
    trials = {name: counted["trials"] for name, counted in fitted.facts["cohorts"].items()}
    learnt = sum(trials.values()) - trials["test"]
    which = (
        "newer ones"
        if newer
        else "others, drawn by a hash of their id: the table names no time, so this is no split by time"
    )
    return (
        f"learnt from {learnt:,} {noun}, chosen and calibrated by cross-fitting; tested on {trials['test']:,} {which}"
    )


def _by_time(lake: Lake, as_of: datetime) -> bool:
    table = read_columns(lake, as_of)
    return table is None or table.time is not None


def code_version() -> str:
    """The release, and a fingerprint of the code that makes a model what it is: features, core and training."""
    package = Path(churn_pipeline.__file__).parent
    digest = hashlib.sha256(features_version().encode())
    for folder in (package / "core", package / "contracts" / "features", Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return f"{churn_pipeline.__version__}+{digest.hexdigest()[:12]}"


def logged(fitted: Fitted, *, draw: bool, noun: str) -> Logged:
    """What the registry keeps of a fitted model, with its pictures where they are to be drawn; its description calls trials by the `noun`."""
    parameters = {
        f"{member}.{name}": value
        for member, chosen in fitted.facts["parameters"].items()
        for name, value in chosen.items()
    }
    return Logged(
        fingerprint=fitted.fingerprint,
        scorer=fitted.scorer,
        floor=fitted.floor,
        golden=fitted.golden,
        facts=fitted.facts,
        parameters={**parameters, **fitted.facts["recipe"], "chosen": fitted.facts["chosen"]},
        metrics=fitted.metrics,
        pictures=pictures(fitted.tested, fitted.tuned) if draw else {},
        description=description(fitted.facts, noun=noun),
        tags={"code": fitted.facts["code"], "trained_as_of": fitted.facts["trained_as_of"]},
    )


def write_challenger(lake: Lake, as_of: datetime, trained: Trained) -> None:
    """Note who the challenger of the day is, or why there is none."""
    version = quoted(trained.version.version) if trained.version else "null"
    row = f"select timestamptz {quoted(as_of.isoformat())} as as_of, cast({version} as varchar) as model_version, "
    with lake.engine.connection() as connection:
        lake.write(connection, CHALLENGER.name, as_of, f"{row} {quoted(trained.because)} as because")

"""A model trained again, from what its fingerprint names, and held against the one that is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from churn_pipeline.adapters.bundle import load, save
from churn_pipeline.adapters.frames import snapshot_frame
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.model_store import ModelStore
from churn_pipeline.adapters.studies import Studies
from churn_pipeline.capabilities.training.fitting import fit, shortage
from churn_pipeline.capabilities.training.recipe import Recipe, fingerprint
from churn_pipeline.capabilities.training.train import code_version, material
from churn_pipeline.capabilities.training.tuning import as_before
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.core.schema import SchemaError
from churn_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Reproduced:
    """Whether a model came out the same, byte for byte; `differing` are its files that did not, `because` says what has changed."""

    version: str
    same: bool
    differing: tuple[str, ...]
    files: int
    because: str

    def __str__(self) -> str:
        """A sentence for people."""
        if self.same:
            return f"model {self.version}: trained again, all {self.files} files are the same, byte for byte"
        if self.differing:
            return (
                f"model {self.version}: trained again, {', '.join(self.differing)} came out otherwise ({self.because})"
            )
        return f"model {self.version} was not trained again: {self.because}"


def reproduce(
    lake: Lake, models: ModelStore, *, version: str, settings: Settings, progress: Callable[[str], None]
) -> Reproduced:
    """Train the version again, its search for parameters included, from the training set of its day; nothing is registered.

    The search is done again without a clock: it begins where it began, and has as many tuning trials as it had.

    Raises:
        BundleError: the model is damaged.
        LakeError: the training set of its day is not there any more.
        ModelStoreError: there is no such version, or its files cannot be read now.
    """
    kept = models.load(version)
    facts = kept.facts
    as_of, code = datetime.fromisoformat(facts["trained_as_of"]), code_version()
    if code != facts["code"]:
        return Reproduced(version, False, (), 0, _other_code(facts["code"], code))
    recipe = Recipe(**facts["recipe"])
    looks = snapshot_frame(lake, TRAINING_SET.name, as_of, (), also=("converted",))
    if shortage(looks, recipe=recipe):
        return Reproduced(version, False, (), 0, _other_rows(as_of))
    try:
        frame, catalogue = material(lake, looks, as_of=as_of, recipe=recipe, settings=settings)
    except SchemaError:  # a feature that is gone
        return Reproduced(version, False, (), 0, _other_rows(as_of))
    if fingerprint(frame, catalogue=catalogue, recipe=recipe, code=code) != facts["fingerprint"]:
        return Reproduced(version, False, (), 0, _other_rows(as_of))
    with tempfile.TemporaryDirectory() as folder:
        again = fit(
            frame,
            catalogue=catalogue,
            recipe=recipe,
            studies=Studies(f"sqlite:///{folder}/studies.db"),
            as_of=as_of,
            code=code,
            business=facts["business"],
            threads=settings.threads,
            earlier=as_before(facts),
            progress=progress,
        )
        save(again.scorer, Path(folder) / "again", golden=again.golden, facts=again.facts)
        made = load(Path(folder) / "again")
    files, old = made.manifest["files"], kept.manifest["files"]
    differing = tuple(sorted(name for name in files.keys() | old.keys() if files.get(name) != old.get(name)))
    same = made.fingerprint == kept.fingerprint
    libraries = ", ".join(kept.differences) or "on the same versions of the libraries"
    return Reproduced(version, same, differing or (() if same else ("manifest.json",)), len(files), libraries)


def _other_code(then: str, now: str) -> str:
    return f"it was made by code {then}, this is {now}.\n  do: check out the release that made it, and ask again there"


def _other_rows(as_of: datetime) -> str:
    return (
        f"the training set of {as_of:%Y-%m-%d} is not the one it learnt from (records that came or were repaired since, other landmarks, or "
        "features of your own that changed).\n  do: compare settings and records with those of that day; the model itself is whole"
    )

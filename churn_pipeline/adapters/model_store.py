"""Models: every training run in MLflow, every fitted model as a version in its registry, with a verified bundle.

What a version stands on is there before it is: the run is closed when all its artifacts are, and only then registered. A
process killed in between leaves a run without a version. If that run was complete the next attempt registers it; if not
it is marked as killed and the model is logged anew.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from churn_pipeline.adapters import bundle
from churn_pipeline.adapters.bundle import Bundle, BundleError
from churn_pipeline.adapters.postgres import DatabaseError, connect, database_url
from churn_pipeline.adapters.registry import read_versions
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from churn_pipeline.core.scorer import Scorer

Role = Literal["champion", "canary", "challenger"]
Content = TypeVar("Content")
FINGERPRINT = "fingerprint"
LONGEST_DESCRIPTION = 5_000
"""Characters that MLflow's tables have room for."""


class ModelStoreError(Exception):
    """The registry does not hold what was asked for, or cannot be read now."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model: its version, what it was made from, and the run that logged it."""

    version: str
    fingerprint: str
    created_at: datetime
    roles: tuple[str, ...]
    run_id: str
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = field(default="", repr=False, compare=False)
    """Markdown, for people."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What is kept of a fitted model. The same fingerprint means the same model."""

    fingerprint: str
    scorer: Scorer
    floor: Scorer
    golden: pd.DataFrame
    facts: Mapping[str, Any]
    parameters: Mapping[str, float | str]
    metrics: Mapping[str, float]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """PNG bytes by file name."""
    description: str = ""
    """Markdown, for people."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The models of one business. `url` is a SQLAlchemy URL (psycopg2) whose search path is MLflow's own schema."""

    url: str = field(repr=False)
    folder: Path
    """Where artifacts are kept."""
    business: str

    @classmethod
    def of(cls, settings: Settings) -> ModelStore:
        """The models of the business that the settings name; the database is there when this returns."""
        url = database_url(settings, schema="mlflow", driver="postgresql+psycopg2")
        return cls(url, settings.home / "mlflow", settings.business)

    @property
    def name(self) -> str:
        """Name of the experiment and of the registered model."""
        return f"churn_{self.business}"

    def prepare(self) -> None:
        """Make MLflow's tables and this business's experiment, where they are not there yet."""
        self._experiment(self._client())

    def find(self, fingerprint: str) -> ModelVersion | None:
        """The newest whole version made from the same data, settings and code; None if there is none yet.

        A version whose files were damaged does not count: the same model can be made again and takes its place.

        Raises:
            ModelStoreError: files cannot be read now.
        """
        same = [version for version in self.versions() if version.fingerprint == fingerprint]
        return next((version for version in reversed(same) if self.damage(version.version) is None), None)

    def damage(self, version: str) -> str | None:
        """What proves a version unusable, as a message; None where every byte and golden row of it is as it was.

        Raises:
            ModelStoreError: its files cannot be read now, which proves nothing.
        """
        known = {found.version for found in self.versions()}
        if version not in known:
            return f"model {self.name} has no version {version} any more"
        try:
            self.load(version)
            self.load_floor(version)
        except BundleError as error:
            return str(error)
        return None

    def log(self, model: Logged) -> ModelVersion:
        """Keep a fitted model and register it; a model that is registered already, and whole, is given back as it is."""
        known = self.find(model.fingerprint)
        if known is not None:
            return known
        client = self._client()
        experiment = self._experiment(client)
        waiting = self._complete_run(client, experiment, model.fingerprint)
        run_id = waiting or self._write(client, experiment, model)
        return self._register(client, run_id, model)

    def versions(self) -> tuple[ModelVersion, ...]:
        """All registered versions, the oldest first.

        Raises:
            ModelStoreError: the registry does not answer.
            RegistryError: it does, but MLflow keeps its models otherwise than they are read here.
        """
        import psycopg2

        try:
            found = read_versions(self.url, self.name)
        except (DatabaseError, psycopg2.OperationalError) as error:
            raise ModelStoreError(f"the registry of {self.name} does not answer: {error}\n  do: run again") from error
        return tuple(
            ModelVersion(
                version=str(one["version"]),
                fingerprint=one["tags"].get(FINGERPRINT, ""),
                created_at=datetime.fromtimestamp(one["creation_time"] / 1000, UTC),
                roles=tuple(one["aliases"]),
                run_id=str(one["run_id"]),
                source=str(one["source"]),
                tags=one["tags"],
                description=one["description"] or "",
            )
            for one in found
        )

    def version(self, version: str) -> ModelVersion:
        """One registered version.

        Raises:
            ModelStoreError: there is no such version; says which there are.
        """
        known = {found.version: found for found in self.versions()}
        if version not in known:
            raise ModelStoreError(
                f"model {self.name} has no version {version}.\n"
                f"  allowed: {', '.join(known) or 'none is registered yet: churn run trains the first'}\n"
                "  do: churn model list"
            )
        return known[version]

    def load(self, version: str) -> Bundle:
        """The bundle of a version, every byte and its golden rows checked.

        Raises:
            ModelStoreError: there is no such version, or its files cannot be read now.
            BundleError: it is gone, or not the bundle that was saved.
        """
        return self._bundle(version, "bundle")

    def facts(self, version: str) -> dict[str, Any]:
        """What is known of a version, every byte of it and of its floor checked; nothing is scored.

        Raises:
            ModelStoreError, BundleError: as `load`.
        """
        floor, facts = (self._read(version, part, bundle.read_facts) for part in ("floor", "bundle"))
        for part, of in (("floor", floor), ("bundle", facts)):
            self._own(version, part, of)
        return facts

    def load_floor(self, version: str) -> Bundle:
        """The logistic regression that this version had to beat, fitted on the same cohorts.

        Raises:
            ModelStoreError: there is no such version, or its files cannot be read now.
            BundleError: it is gone, or not the bundle that was saved.
        """
        return self._bundle(version, "floor")

    def pictures(self, version: str) -> dict[str, bytes]:
        """The pictures of a version: PNG bytes by file name."""
        return {path.name: path.read_bytes() for path in sorted(self._artifact(version, "pictures").glob("*.png"))}

    def holder(self, role: Role) -> ModelVersion | None:
        """The version that has a role now; None if none has."""
        return next((version for version in self.versions() if role in version.roles), None)

    def champion(self) -> ModelVersion | None:
        """The version that scores now; None before the first promotion."""
        return self.holder("champion")

    def set_role(self, role: Role, version: str) -> None:
        """Give a role to a version; it leaves whoever had it.

        Raises:
            ModelStoreError: there is no such version.
        """
        if role not in self.version(version).roles:
            self._client().set_registered_model_alias(self.name, role, version)

    def free_role(self, role: Role) -> None:
        """Take a role from whoever has it."""
        if self.holder(role) is not None:
            self._client().delete_registered_model_alias(self.name, role)

    def annotate(self, version: str, heading: str, words: str) -> None:
        """Put words (Markdown) under a heading of a version's description, in the place of those that stood there; all else in it stays.

        Raises:
            ModelStoreError: there is no such version.
        """
        stands = self.version(version).description
        before, _, after = stands.partition(f"## {heading}\n")
        _, next_heading, rest = after.partition("\n## ")
        kept = next_heading.lstrip() + rest
        room = LONGEST_DESCRIPTION - len(before.rstrip()) - len(kept) - len(heading) - len("## \n\n\n\n\n\n")
        section = f"## {heading}\n\n{_cut(words, room)}"
        told = "\n\n".join(part for part in (before.rstrip(), section, kept) if part)
        if told != stands:
            self._client().update_model_version(self.name, version, description=told)

    def _client(self) -> MlflowClient:
        # MLflow itself would wait two minutes for a server that has gone, and its caller with it
        with closing(connect(self.url)):
            pass
        # read by MLflow when it is imported; must not depend on who imports it first
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.name)
        if found is not None:
            return str(found.experiment_id)
        self.folder.mkdir(parents=True, exist_ok=True)
        return str(client.create_experiment(self.name, artifact_location=self.folder.resolve().as_uri()))

    def _complete_run(self, client: MlflowClient, experiment: str, fingerprint: str) -> str | None:
        """A run that was finished but never registered; runs that were never finished are marked as killed."""
        complete = None
        registered = {version.run_id for version in self.versions()}
        for run in client.search_runs([experiment], f"tags.{FINGERPRINT} = '{fingerprint}'"):
            if run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, "KILLED")
            elif run.info.status == "FINISHED" and run.info.run_id not in registered:
                complete = str(run.info.run_id)
        return complete

    @staticmethod
    def _write(client: MlflowClient, experiment: str, model: Logged) -> str:
        from mlflow.entities import Metric, Param

        tags = {FINGERPRINT: model.fingerprint, **model.tags}
        begun = client.create_run(experiment, tags=tags, run_name=model.fingerprint[:8]).info
        run_id = str(begun.run_id)
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, begun.start_time, 0) for name, value in model.metrics.items()],
            params=[Param(name, str(value)) for name, value in model.parameters.items()],
        )
        with tempfile.TemporaryDirectory() as beside:
            _lay_out(model, Path(beside))
            client.log_artifacts(run_id, beside)
        client.set_terminated(run_id, "FINISHED")
        return run_id

    def _register(self, client: MlflowClient, run_id: str, model: Logged) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(self.name, description="Probability that a trial converts.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{client.get_run(run_id).info.artifact_uri}/bundle"
        tags = {FINGERPRINT: model.fingerprint, **model.tags}
        words = _cut(model.description, LONGEST_DESCRIPTION)
        made = client.create_model_version(
            self.name, source, run_id, tags=tags, description=words, await_creation_for=0
        )
        return self.version(str(made.version))

    def _bundle(self, version: str, part: str) -> Bundle:
        loaded = self._read(version, part, bundle.load)
        self._own(version, part, loaded.facts)
        return loaded

    def _read(self, version: str, part: str, read: Callable[[Path], Content]) -> Content:
        folder = self._artifact(version, part)
        try:
            return read(folder)
        except OSError as error:
            raise self._unreachable(version, folder, error) from error

    def _own(self, version: str, part: str, facts: Mapping[str, Any]) -> None:
        """Refuse a part that is whole, but of another model."""
        registered = self.version(version).fingerprint
        if facts.get(FINGERPRINT) != registered:
            raise BundleError(
                f"model {self.name}, version {version}: {part} is whole, but holds another model (fingerprint "
                f"{facts.get(FINGERPRINT)}, registered as {registered})\n"
                "  do: bring back the files of this version, or churn retrain: the same model is made again"
            )

    def _artifact(self, version: str, part: str) -> Path:
        place = self.version(version).source.removesuffix("bundle") + part
        address = urlsplit(place)
        if address.scheme not in {"", "file"}:
            return self._downloaded(version, place)
        folder = Path(url2pathname(address.path))
        try:
            # unlike os.path.exists, Path.exists raises where a folder above may not be read
            there = folder.exists()
        except OSError as error:
            raise self._unreachable(version, place, error) from error
        if not there:
            raise BundleError(
                f"model {self.name}, version {version}: {part} is gone from {place}\n"
                "  do: bring the files back, or churn retrain: the same model is made again"
            )
        return folder

    def _downloaded(self, version: str, place: str) -> Path:
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        try:
            return Path(download_artifacts(artifact_uri=place, tracking_uri=self.url))
        except (MlflowException, OSError) as error:
            raise self._unreachable(version, place, error) from error

    def _unreachable(self, version: str, place: Path | str, error: Exception) -> ModelStoreError:
        return ModelStoreError(
            f"model {self.name}, version {version}: {place} cannot be read now: {error}\n"
            "  do: see that the storage answers and may be read, then run again; nothing was decided about the model"
        )


def _cut(words: str, room: int) -> str:
    """Words that fit, and that say so where something was cut off.

    >>> _cut("one, two, three", 9)
    'one, two…'
    """
    return words if len(words) <= room else words[: max(0, room - 1)] + "…"


def _lay_out(model: Logged, folder: Path) -> None:
    bundle.save(model.scorer, folder / "bundle", golden=model.golden, facts=model.facts)
    floor_facts = {name: model.facts[name] for name in (FINGERPRINT, "calibrated_until") if name in model.facts}
    bundle.save(model.floor, folder / "floor", golden=model.golden, facts=floor_facts)
    (folder / "pictures").mkdir()
    for name, content in model.pictures.items():
        (folder / "pictures" / name).write_bytes(content)

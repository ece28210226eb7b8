"""Optuna's studies in PostgreSQL: the finished tuning trials of a search, kept where a killed process left them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from churn_pipeline.adapters.postgres import database_url
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import optuna

ORDER = "order"
"""User attribute of a tuning trial: its place in the search, from 0."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search for parameters, as far as it got.

    A tuning trial is written when it is finished, in one transaction: a process killed at any moment leaves it whole or
    not at all, and never one that runs for ever.
    """

    study: optuna.Study

    def finished(self) -> list[optuna.trial.FrozenTrial]:
        """The finished tuning trials in their order, without gaps.

        Two processes in one search finish the same trials (tuning is deterministic), so the first of each place counts.
        """
        kept: dict[int, optuna.trial.FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            kept.setdefault(trial.user_attrs[ORDER], trial)
        whole = next((place for place in range(len(kept)) if place not in kept), len(kept))
        return [kept[place] for place in range(whole)]

    def keep(self, trial: optuna.trial.FrozenTrial) -> None:
        """Write one finished tuning trial."""
        self.study.add_trial(trial)


@dataclass(frozen=True, slots=True)
class Studies:
    """Where searches are kept. `url` is a SQLAlchemy URL (psycopg2) whose search path is Optuna's own schema."""

    url: str = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Studies:
        """The searches of the business that the settings name; the database is there when this returns."""
        return cls(database_url(settings, schema="optuna", driver="postgresql+psycopg2"))

    @contextmanager
    def searches(self, *names: str) -> Iterator[list[Search]]:
        """The searches of those names, each begun if nobody has, on connections that are closed at the end of all."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # one storage for all of them: to open it takes Optuna a fifth of a second of looking at its own migrations
        storage = optuna.storages.RDBStorage(self.url)
        try:
            yield [
                Search(optuna.create_study(study_name=name, storage=storage, direction="minimize", load_if_exists=True))
                for name in names
            ]
        finally:
            storage.remove_session()
            storage.engine.dispose()

"""What a feature is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["event", "trial", "touch"]
Kind = Literal["number", "category"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that is known of a trial as of a snapshot.

    `sql` is an expression in DuckDB's dialect:
      - source `event`: an aggregate over the trial's events known before `as_of` (columns of `events`, and `as_of`);
      - source `touch`: an aggregate over its touches known before `as_of`;
      - source `trial`: an expression over the trial as it was known by then (columns of `trials`, `as_of`, `trial_day`).
    `needs` names the raw columns without which the feature falls away. `says` puts a value into words for people;
    `{value}` stands for it. `absent` is what a null means.
    """

    name: str
    family: str
    meaning: str
    sql: str
    says: str
    source: Source = "event"
    kind: Kind = "number"
    unit: str = ""
    window: str = "since the start"
    absent: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedCounts:
    """A family of features with one member per name found in the data, kept as one map from name to count.

    Which names become model features is learnt on the fitted cohorts and travels with the model.
    """

    name: str
    prefix: str
    family: str
    column: str
    meaning: str
    says: str
    needs: tuple[str, ...]

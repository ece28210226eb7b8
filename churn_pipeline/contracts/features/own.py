"""Features of your own: each a SQL file in a folder (docs/own-features.md), one member of this family by the name of the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from churn_pipeline.contracts.features.feature import NamedValues

OWN = NamedValues(
    name="own",
    prefix="own_",
    family="own",
    meaning="Each feature of your own.",
    says="{name} is {value:,.6g}",
    absent="what its file says",
    words=200,
)

Over = Literal["events", "touches"]


@dataclass(frozen=True, slots=True)
class OwnFeature:
    """One feature of a user's own.

    `sql` is an aggregate over the records of one trial that a look knows, with the look beside each (`core.featurize.own_features` lists the
    columns). A null is 0, unless `absent` says what it means. `says` puts a value into words; `{value}` stands for it.
    """

    name: str
    meaning: str
    says: str
    sql: str
    over: Over = "events"
    unit: str = ""
    absent: str = ""
    uses: tuple[str, ...] = ()
    """The columns that it is computed from."""

    @property
    def key(self) -> str:
        """Its name with a hash of what it is: a model that was trained on another definition does not take it for its own."""
        return f"{self.name}_{hashlib.sha256(repr((self.sql, self.over, self.absent)).encode()).hexdigest()[:6]}"

    @property
    def feature(self) -> str:
        """Its name among the features of a model."""
        return OWN.prefix + self.key


Own = tuple[OwnFeature, ...]

"""Features of your own: each a SQL file in a folder (docs/own-features.md), one member of this family by the name of the file."""

from __future__ import annotations

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

    `sql` is an aggregate over the records of one trial that a look knows, with the look beside each (`core.featurize.own` lists the
    columns). A null is 0, unless `absent` says what it means. `says` puts a value into words; `{value}` stands for it.
    """

    name: str
    meaning: str
    says: str
    sql: str
    over: Over = "events"
    unit: str = ""
    absent: str = ""

    @property
    def feature(self) -> str:
        """Its name among the features of a model."""
        return OWN.prefix + self.name


Own = tuple[OwnFeature, ...]

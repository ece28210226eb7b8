"""What a feature is, and what it is an aggregate of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "category"]


@dataclass(frozen=True, slots=True)
class Grain:
    """What is counted while the records are read: one row for each `key` of a trial.

    A look sees the keys of which it knows a record, each with the `measures` of what was known by then. They are pairs of
    a name and one call of count, sum, min or max over the columns of the relation `of` (`core.featurize` lists both). Every grain has the
    measure `n`, how many records. For a grain whose keys have many records a day, `dense` saves work and changes no value: where there
    are several looks, its records are first put together by the day on which they became known. Where the keys are pairs of words,
    `between` is what stands between the two where they are shown; the key itself is a number then (`contracts.features.pairs`). Ids of visits and people
    are numbers too: they tell apart, and are never shown.
    """

    name: str
    key: str
    measures: tuple[tuple[str, str], ...] = ()
    of: str = "acts"
    needs: tuple[str, ...] = ()
    dense: bool = False
    between: str | None = None


@dataclass(frozen=True, slots=True)
class Peers:
    """The trials that a look is compared with, by a whole number `of` them: those of the same `segment` at the same trial day.

    `of` is a feature over a grain that is never null, `segment` an attribute of trials.
    Which trials are peers, and why no look knows the future by them: `core.featurize.peers`.
    """

    of: str
    segment: str
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What is compared with whom, as a name of SQL."""
        return f"{self.of}_by_{self.segment}"


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that is known of a trial as of a look.

    `sql` is an expression in DuckDB's dialect:
      - over a `Grain`: an aggregate over its rows; also `today` (the look's day: the 24 hours before it are day `today - 1`),
        `now` and `began` (microseconds: the look, the start of the trial);
      - over `Peers`: an expression over `value` (the trial's own) and, as whole numbers of them, `peers`, `below` (how many of them
        have less), `alike` (as much), `total` and `squares` (the sum of their values, and of the squares of those);
      - over None: an expression over the trial as it was known by then (columns of `trials`, `as_of`, `trial_day`) and
        over the features that are over a grain.
    `also_needs` names the raw columns beyond those of its grain without which the feature falls away. `says` puts a value
    into words for people; `{value}` stands for it. `absent` is what a null means; without it a null is 0.
    A `hidden` feature is no column of a snapshot: others are computed from it.
    """

    name: str
    family: str
    meaning: str
    sql: str
    says: str
    over: Grain | Peers | None = None
    kind: Kind = "number"
    unit: str = ""
    window: str = "since the start"
    absent: str = ""
    also_needs: tuple[str, ...] = ()
    hidden: bool = False

    @property
    def grain(self) -> Grain | None:
        """The grain that it is an aggregate over, if it is one."""
        return self.over if isinstance(self.over, Grain) else None

    @property
    def needs(self) -> tuple[str, ...]:
        """The raw columns (`table.column`) without which the feature falls away."""
        return (*(self.over.needs if self.over else ()), *self.also_needs)


@dataclass(frozen=True, slots=True)
class NamedCounts:
    """A family of features with one member per key of a grain found in the data, kept as one map from name to count.

    Which names become model features is learnt from the data and travels with the model: the `words` commonest. Over a grain of
    pairs a look keeps only its `most` commonest keys.

    Raises:
        ValueError: `most` is missing over a grain of pairs, or given over another.
    """

    name: str
    prefix: str
    family: str
    over: Grain
    meaning: str
    says: str
    most: int | None = None
    words: int = 40
    unit: str = "times"
    window: str = "since the start"
    absent: str = ""

    def __post_init__(self) -> None:
        if (self.most is None) != (self.over.between is None):
            raise ValueError(
                f"{self.name}: `most` is for grains of pairs, which have something `between` two words, and no other"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The raw columns (`table.column`) without which the counts fall away."""
        return self.over.needs


@dataclass(frozen=True, slots=True)
class NamedValues:
    """A family of features with one member per name found in the data, kept as one map from name to number.

    As `NamedCounts`, but a name that the map does not hold is null and not 0; `absent` is what that means. Over a grain,
    `sql` is an expression over a row of it as a look knows it; else `core.featurize` says where the values come from.
    Without `words` no name is a feature by itself; what is learnt (`Learnt`) is made of them.
    """

    name: str
    prefix: str
    family: str
    meaning: str
    says: str
    absent: str
    needs: tuple[str, ...] = ()
    over: Grain | None = None
    sql: str = ""
    words: int = 40
    unit: str = ""
    window: str = ""


Named = NamedCounts | NamedValues


@dataclass(frozen=True, slots=True)
class Learnt:
    """A feature of which the past says what it is of: some steps, learnt on the cohorts that a model is fitted on.

    They travel with the model; nothing is learnt where trials are scored. `sql` is an expression over the maps of a snapshot
    in which `{steps}` stands for the list of the steps; `says` and `lacks` (of a null) may name them by `{name}`.
    """

    name: str
    family: str
    meaning: str
    sql: str
    says: str
    unit: str
    absent: str = ""
    lacks: str = ""

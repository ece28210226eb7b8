"""The features of a model, as people know them, and their one encoding for training and scoring."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float32).max)
"""XGBoost reads numbers as 32-bit floats; a larger one would be infinite there."""


class SchemaError(Exception):
    """A frame does not hold what the features of a model need."""


@dataclass(frozen=True, slots=True)
class ModelFeature:
    """One feature a person knows.

    `says` is a template of plain words for a value that is known, e.g. "{value:.0f} actions in the last 3 days".
    """

    name: str
    kind: Literal["number", "category"]
    levels: tuple[str, ...] = ()
    """Categories in frozen order; any other value counts as "other", null as missing."""
    says: str = ""
    lacks: str = ""
    """Plain words for a null; without them it is "unknown"."""
    steps: tuple[str, ...] = ()
    """What it is of, where that was learnt (`contracts.features.feature.Learnt`)."""
    read_from: str = ""
    """The column of a snapshot that holds it, where that is called otherwise: of a team's own feature table."""

    @property
    def width(self) -> int:
        """How many encoded columns it has: a number one; a category one a level, one for others, one for missing."""
        return 1 if self.kind == "number" else len(self.levels) + 2

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of its encoded columns."""
        if self.kind == "number":
            return (self.name,)
        return (*(f"{self.name} = {level}" for level in self.levels), f"{self.name}: other", f"{self.name}: missing")

    def column(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Its values in a frame: float64 with NaN for null, or objects that are str or None."""
        if self.kind == "number":
            return _numbers(frame[self.name])
        given = frame[self.name]
        texts = given.astype(str).to_numpy(dtype=object, copy=True)
        texts[given.isna().to_numpy()] = None
        return texts


@dataclass(frozen=True, slots=True)
class Dropped:
    """A feature that a schema leaves out, and why."""

    name: str
    because: str


@dataclass(frozen=True)
class FeatureSchema:
    """The features of one model in frozen order."""

    features: tuple[ModelFeature, ...]
    dropped: tuple[Dropped, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a feature declared twice."""
        names = self.names
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise SchemaError(f"features declared twice: {', '.join(doubled)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def by_name(self) -> dict[str, ModelFeature]:
        """The features by name."""
        return {feature.name: feature for feature in self.features}

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of the encoded columns, in order."""
        return tuple(name for feature in self.features for name in feature.encoded_names)

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """For each encoded column the position of its feature."""
        return np.repeat(np.arange(len(self.features)), [feature.width for feature in self.features])

    def by_feature(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of (rows, encoded columns) over the columns of each feature: (rows, features)."""
        starts = np.searchsorted(self.owner, np.arange(len(self.features)))
        return np.add.reduceat(np.ascontiguousarray(encoded), starts, axis=1)

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The frame as float64 (rows, encoded columns), whatever the order of its columns.

        Numbers stay as they are, null is NaN. Of a category exactly one column is 1: its level's, "other" for a value
        that was not frequent in training, or "missing" for null.

        Raises:
            SchemaError: columns are missing, hold no numbers, or numbers that are infinite or beyond 3.4e38; all at once.
        """
        encoded = np.zeros((len(frame), len(self.owner)))
        offences, at = [], 0
        for feature in self.features:
            offences.append(_encode(frame, feature, encoded[:, at : at + feature.width]))
            at += feature.width
        if any(offences):
            raise SchemaError(
                "the frame does not hold the features of the model: " + "; ".join(o for o in offences if o) + "\n"
                f"  allowed: the columns {', '.join(self.names)}\n"
                "  do:      build the frame with the features the model was trained on (null where unknown)"
            )
        return encoded

    @classmethod
    def learn(
        cls, frame: pd.DataFrame, catalogue: Iterable[ModelFeature], *, max_levels: int = 20, min_rows: int = 20
    ) -> FeatureSchema:
        """The features of the catalogue that can tell rows of `frame` apart; the others are `dropped` with the reason.

        Levels are the `max_levels` most frequent values with at least `min_rows` rows, the most frequent first, ties by
        name; levels that the catalogue gives are kept.

        Raises:
            SchemaError: no feature is left, or a column does not hold what the catalogue says.
        """
        kept: list[ModelFeature] = []
        dropped: list[Dropped] = []
        for feature in catalogue:
            because = _useless(frame, feature.name)
            learned = feature if because else _with_levels(frame, feature, max_levels, min_rows)
            if not because and learned.kind == "category" and not learned.levels:
                because = f"no value has {min_rows} rows"
            if because:
                dropped.append(Dropped(feature.name, because))
            else:
                kept.append(learned)
        if not kept:
            raise SchemaError("a model needs at least one feature")
        return cls(tuple(kept), tuple(dropped))

    def to_json(self) -> dict[str, Any]:
        """The schema as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> FeatureSchema:
        """The schema of `to_json`."""
        features = [
            ModelFeature(**{**feature, "levels": tuple(feature["levels"]), "steps": tuple(feature["steps"])})
            for feature in given["features"]
        ]
        return cls(tuple(features), tuple(Dropped(**dropped) for dropped in given["dropped"]))


def _useless(frame: pd.DataFrame, name: str) -> str:
    if name not in frame:
        return "not in the frame"
    if frame[name].isna().all():
        return "never known"
    if frame[name].nunique(dropna=False) == 1:
        return "always the same"
    return ""


def _with_levels(frame: pd.DataFrame, feature: ModelFeature, max_levels: int, min_rows: int) -> ModelFeature:
    if feature.kind == "number" or feature.levels:
        return feature
    counts = frame[feature.name].dropna().astype(str).value_counts()
    ranked = sorted((-int(count), str(level)) for level, count in counts.items() if count >= min_rows)
    levels = tuple(level for _, level in ranked[:max_levels])
    return replace(feature, levels=levels)


def _encode(frame: pd.DataFrame, feature: ModelFeature, into: NDArray[np.float64]) -> str:
    """Fill the encoded columns of one feature, all 0 before; gives what is wrong with its column, if anything."""
    if feature.name not in frame:
        return f"column {feature.name} is missing"
    values = frame[feature.name]
    if feature.kind == "category":
        into[np.arange(len(frame)), _codes(values, feature)] = 1.0
        return ""
    try:
        numbers = _numbers(values)
    except (TypeError, ValueError):
        return f"column {feature.name} holds {values.dtype}, not numbers"
    into[:, 0] = numbers
    wild = np.abs(numbers) > LARGEST
    return f"column {feature.name} has {wild.sum():,} infinite or too large numbers" if wild.any() else ""


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _codes(values: pd.Series, feature: ModelFeature) -> NDArray[np.intp]:
    """Position of each value among the encoded columns of its category."""
    import pandas as pd

    null = values.isna().to_numpy()
    found = pd.Index(feature.levels, dtype=object).get_indexer(pd.Index(values.astype(str), dtype=object))
    return np.where(null, len(feature.levels) + 1, np.where(found < 0, len(feature.levels), found))

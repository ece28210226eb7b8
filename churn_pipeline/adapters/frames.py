"""Snapshots of the lake as frames that a model can take: small enough for pandas by then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.core.featurize.query import ATTRIBUTES
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline.core.vocabulary import candidates, columns_read, feature_columns, vocabulary_query

if TYPE_CHECKING:
    import pandas as pd

LEAST_KNOWN = 0.95
"""Share of the looks at which the attributes of the trial have to be known for a model to use them."""
KEYS = ("trial_id", "account_id", "as_of", "started_at", "trial_day")


def lacking(lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature]) -> tuple[str, ...]:
    """The columns that features are taken from and that a day of snapshots does not have: it is older than their declaration.

    Raises:
        LakeError: nobody has written that day.
    """
    import pyarrow.parquet as pq

    there = pq.read_schema(lake.file(dataset, as_of)).names
    return tuple(sorted(columns_read(features) - set(there)))


def snapshot_frame(
    lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature], *, also: Iterable[str] = ()
) -> pd.DataFrame:
    """A day of a dataset of snapshots: its keys, the features (of families by name a column each), and columns `also`.

    Numbers are doubles with NaN for null, categories are strings or None.

    Raises:
        LakeError: nobody has written that day.
    """
    wanted = {feature.name: feature for feature in features if feature.name not in KEYS}
    parts = [", ".join(KEYS), *also, *([feature_columns(wanted.values())] if wanted else [])]
    frame: pd.DataFrame = lake.read(dataset, as_of, select=", ".join(parts)).to_pandas()
    for name, feature in wanted.items():
        if feature.kind == "category":
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def candidate_features(lake: Lake, as_of: datetime) -> tuple[ModelFeature, ...]:
    """Every feature a model of that day may use: the registered ones and the names common in its training set.

    Attributes of trials, and what is computed from them, are left out where the past knows too few of them: the lake then has only later versions of
    those trials, and that a trial was changed later may follow from what became of it.

    Raises:
        LakeError: nobody has written the training set of that day.
    """
    rows = lake.rows(TRAINING_SET.name, as_of)
    with lake.engine.connection() as connection:
        found = connection.execute(vocabulary_query(rows)).fetchall()
        looks = connection.execute(f"select count(*), count(*) filter (attributes_known) from ({rows})").fetchone()
    total, known = looks or (0, 0)
    vocabulary: dict[str, list[str]] = {}
    for family, named, _ in found:
        vocabulary.setdefault(family, []).append(named)
    unknown = () if known >= LEAST_KNOWN * total else {f"{TRIALS.name}.{attribute}" for attribute in ATTRIBUTES}
    return candidates(vocabulary, without=unknown)

"""Snapshots of the lake as frames that a model can take: small enough for pandas by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.features.own import OWN, Own
from churn_pipeline.contracts.lake import TRAINING_SET
from churn_pipeline.contracts.raw import TRIALS
from churn_pipeline.core.featurize.looks import ATTRIBUTES
from churn_pipeline.core.schema import ModelFeature, SchemaError
from churn_pipeline.core.vocabulary import candidates, columns_read, feature_columns, vocabulary_query

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LEAST_KNOWN = 0.95
"""Share of the looks at which the attributes of the trial have to be known for a model to use them."""
VALUES_A_BLOCK = 2_000_000
"""How many encoded values a block has at most: a matrix of them takes 16 MB."""
ROWS_A_BLOCK = 20_000
"""How many rows it has at most, however few features they have: while it is made a row of `scores` takes two to three KB whatever the model, so those of a block some 60 MB."""
KEYS = ("trial_id", "account_id", "as_of", "started_at", "trial_day")


def lacking(lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature]) -> tuple[str, ...]:
    """What features are taken from and a day of snapshots does not have: columns, or features of a user's own.

    The day is older than their declaration, or the file of the feature is gone.

    Raises:
        LakeError: nobody has written that day.
    """
    import pyarrow.parquet as pq

    wanted = tuple(features)
    there = pq.read_schema(lake.file(dataset, as_of)).names
    columns = columns_read(wanted) - set(there)
    return tuple(sorted({*columns, *(() if OWN.name in columns else _own_gone(lake, dataset, as_of, wanted))}))


def _own_gone(lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature]) -> set[str]:
    """The features of a user's own among these that no look of the day has; each look has all of them, or null for what is null."""
    own = {feature.name for feature in features if feature.name.startswith(OWN.prefix) and not feature.read_from}
    looks = lake.read(dataset, as_of, select=f"distinct map_keys({OWN.name}) as names").to_pylist() if own else []
    return {name for name in own for look in looks if name.removeprefix(OWN.prefix) not in (look["names"] or ())}


def snapshot_frame(
    lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature], *, also: Iterable[str] = ()
) -> pd.DataFrame:
    """A day of a dataset of snapshots: its keys, the features (of families by name a column each), and columns `also`.

    Numbers are doubles with NaN for null, categories are strings or None.

    Raises:
        LakeError: nobody has written that day.
        SchemaError: the day has no such feature of a user's own, or no such column of a team's own table.
    """
    wanted = _wanted(lake, dataset, as_of, features)
    return _frame(lake.read(dataset, as_of, select=_selected(wanted, also)), wanted)


def snapshot_blocks(
    lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature], *, also: Iterable[str] = ()
) -> Iterator[pd.DataFrame]:
    """The rows of `snapshot_frame` in their order, a block after the other; at least one, which may be empty.

    A block has at most `ROWS_A_BLOCK` rows, and `VALUES_A_BLOCK` encoded values where that is more than one row.

    Raises:
        LakeError, SchemaError: as there, before the first block.
    """
    wanted = _wanted(lake, dataset, as_of, features)
    query = f"select {_selected(wanted, also)} from ({lake.rows(dataset, as_of)})"
    rows = max(1, min(ROWS_A_BLOCK, VALUES_A_BLOCK // max(1, sum(feature.width for feature in wanted))))
    with lake.engine.connection() as connection:
        batches = connection.sql(query).to_arrow_reader(rows)
        first = next(batches, None)
        yield _frame(batches.schema.empty_table() if first is None else first, wanted)
        yield from (_frame(batch, wanted) for batch in batches)


def _wanted(lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature]) -> tuple[ModelFeature, ...]:
    """The features that are no keys, each once.

    Raises:
        LakeError, SchemaError: the day, or what they are taken from, is not there.
    """
    wanted = tuple({feature.name: feature for feature in features if feature.name not in KEYS}.values())
    if gone := sorted(_own_gone(lake, dataset, as_of, wanted)):
        files = ", ".join(f"{name.removeprefix(OWN.prefix).rpartition('_')[0]}.sql" for name in gone)
        raise SchemaError(
            f"the {dataset} of {as_of:%Y-%m-%d} have no {', '.join(gone)}\n"
            f"  do: put {files} back as it was into the folder of your own features (CHURN_OWN_FEATURES), or train anew (churn retrain)"
        )
    if lost := _columns_gone(lake, dataset, as_of, wanted):
        raise SchemaError(
            f"the {dataset} of {as_of:%Y-%m-%d} have no {', '.join(lost)}: the feature table had no such column, or it was left out\n"
            "  do: bring the column back (or --keep it), or train anew (churn retrain)"
        )
    return wanted


def _selected(wanted: Sequence[ModelFeature], also: Iterable[str]) -> str:
    return ", ".join([*KEYS, *also, *([feature_columns(wanted)] if wanted else [])])


def _frame(rows: pa.Table | pa.RecordBatch, wanted: Iterable[ModelFeature]) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas()
    for feature in wanted:
        if feature.kind == "category":
            frame[feature.name] = frame[feature.name].astype(object).where(frame[feature.name].notna(), None)
    return frame


def _columns_gone(lake: Lake, dataset: str, as_of: datetime, features: Iterable[ModelFeature]) -> list[str]:
    """The features of a team's own table among these whose column the day does not have."""
    of_table = {feature.read_from: feature.name for feature in features if feature.read_from}
    if not of_table:
        return []
    import pyarrow.parquet as pq

    there = set(pq.read_schema(lake.file(dataset, as_of)).names)
    return sorted(name for column, name in of_table.items() if column not in there)


def candidate_features(lake: Lake, as_of: datetime, own: Own = ()) -> tuple[ModelFeature, ...]:
    """Every feature a model of that day may use: the registered ones, the names common in its training set, a user's `own`.

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
    return candidates(vocabulary, own=own, without=unknown)

"""A team's own feature table as snapshots, labels and training set: SQL over its rows, which tell by themselves what they hold.

A row with a label is history, a row without one is scored: of each entity its newest row. Where the table names no time, rows have
no order: they are put in that of a hash of their id, so that cohorts are drawn by chance and stay the same.
"""

from __future__ import annotations

from churn_pipeline.contracts.feature_table import PREFIX, FeatureTable
from churn_pipeline.core.labels import drawn
from churn_pipeline.core.schema import ModelFeature

UNORDERED_DAY = "timestamptz '2000-01-01 00:00:00+00'"
"""The day on which rows without a time are said to begin; the hash of their id says when on it."""
TAKEN = frozenset({"trial_id", "account_id", "as_of", "started_at", "trial_day", "converted", "segment"})
"""What stands beside the features in a frame of snapshots."""
DAY_MICROSECONDS = 86_400_000_000


def table_features(table: FeatureTable) -> tuple[ModelFeature, ...]:
    """The features of a table as a model knows them: by the names of their columns, as far as these are free."""
    return tuple(
        ModelFeature(
            f"{c.name} of the table" if c.name in TAKEN else c.name,
            c.kind,
            says=_says(c.name, c.kind),
            read_from=PREFIX + c.name,
        )
        for c in table.features
    )


def _says(column: str, kind: str) -> str:
    plain = column.replace("{", "{{").replace("}", "}}")
    return f"{plain} is {{value:,.6g}}" if kind == "number" else f"{plain} is {{value}}"


def training_query(table: FeatureTable, rows: str, before: str, *, share: float = 1.0) -> str:
    """SQL: the training set that the labelled rows of query `rows` make, as known before the instant `before` (SQL).

    Of the entities a `share` is drawn, whole and by their id.
    """
    chosen = drawn("trial_id", share)
    return (
        f"select * exclude (label), label = {_text(table.positive)} as converted "
        f"from ({_snapshots(table, rows, before)}) where label is not null{chosen} "
        "order by started_at, trial_id, as_of"
    )


def running_query(table: FeatureTable, rows: str, as_of: str, segment: str | None = None) -> str:
    """SQL: the entities to score at the instant `as_of` (SQL): their newest rows, where these have no label yet."""
    return _scored(table, rows, as_of, segment, "label is null")


def newest_query(table: FeatureTable, rows: str, as_of: str, share: float, segment: str | None = None) -> str:
    """SQL: the newest row of each of the newest `share` of the entities, for a table in which every row has its label."""
    newest = f"row_number() over (order by started_at, trial_id) > floor({1 - share} * count(*) over () + 1e-9)"
    return (
        f"select * from ({_scored(table, rows, as_of, segment, 'true')}) qualify {newest} order by started_at, trial_id"
    )


def labels_query(table: FeatureTable, rows: str, as_of: str) -> str:
    """SQL: what became of each entity that has labels, all of them the same; said to be known from `as_of` (SQL) on.

    Where the labels of an entity differ from row to row nobody can say which of them a score was about.
    """
    return (
        f"select trial_id, any_value(label) = {_text(table.positive)} as converted, null::timestamptz as converted_at, "
        f"{as_of} as matured_at from ({_snapshots(table, rows, as_of)}) where label is not null group by trial_id "
        f"having count(distinct label = {_text(table.positive)}) = 1 order by trial_id"
    )


def labelled_query(table: FeatureTable, rows: str, as_of: str) -> str:
    """SQL: converted, of every row that has a label by the instant `as_of` (SQL)."""
    return f"select label = {_text(table.positive)} as converted from ({_snapshots(table, rows, as_of)}) where label is not null"


def _scored(table: FeatureTable, rows: str, as_of: str, segment: str | None, which: str) -> str:
    of_segment = f" replace ({_column(PREFIX + segment)}::varchar as sector)" if segment else ""
    return (
        f"select * exclude (label, as_of){of_segment}, {as_of} as as_of "
        f"from ({_newest(_snapshots(table, rows, as_of))}) where {which} order by started_at, trial_id"
    )


def _newest(snapshots: str) -> str:
    return f"select * from ({snapshots}) qualify row_number() over (partition by trial_id order by as_of desc) = 1"


def _snapshots(table: FeatureTable, rows: str, before: str) -> str:
    """SQL: every row as a snapshot of its entity, with its `label`; of a table with a time those before an instant."""
    entity, time = _column(table.id), _column(table.time) if table.time else None
    number = f"cast(md5_number_lower('order/' || {entity}) % {DAY_MICROSECONDS} as bigint)"
    began = f"min({time}) over (partition by {entity})" if time else f"{UNORDERED_DAY} + to_microseconds({number})"
    features = "".join(f", {_column(c.name)} as {_column(PREFIX + c.name)}" for c in table.features)
    return (
        f"select {entity} as trial_id, {entity} as account_id, {time or f'{UNORDERED_DAY} + interval 1 day'} as as_of, "
        f"{began} as started_at, 0 as trial_day, null::varchar as sector, {_column(table.label)} as label{features} "
        f"from ({rows})" + (f" where {time} < {before}" if time else "")
    )


def _column(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

from __future__ import annotations

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS
from churn_pipeline.contracts.lake import LABELS, LAKE_TABLES, LANDMARK_SNAPSHOTS, SNAPSHOTS, TRAINING_SET
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Door, Privacy


def test_a_snapshot_holds_every_registered_feature_and_every_map_of_counts() -> None:
    assert {feature.name for feature in FEATURES} <= set(SNAPSHOTS.names)
    assert {counts.name for counts in NAMED_COUNTS} <= set(SNAPSHOTS.names)
    assert len(set(SNAPSHOTS.names)) == len(SNAPSHOTS.names)


def test_past_and_running_trials_are_looked_at_through_the_same_columns() -> None:
    assert LANDMARK_SNAPSHOTS.columns == SNAPSHOTS.columns
    assert TRAINING_SET.columns == (*SNAPSHOTS.columns, LABELS.column("converted"))


def test_a_snapshot_does_not_know_what_became_of_the_trial() -> None:
    assert not {"converted", "converted_at", "matured_at"} & set(SNAPSHOTS.names)


def test_a_feature_may_be_null_exactly_where_it_says_what_null_means() -> None:
    columns = {column.name: column for column in SNAPSHOTS.columns}
    for feature in FEATURES:
        assert columns[feature.name].null == bool(feature.absent), feature.name
        assert columns[feature.name].meaning == feature.meaning


def test_no_personal_data_lies_between_the_doors() -> None:
    assert all(table.door is Door.LAKE for table in LAKE_TABLES)
    personal = {c.name for t in RAW_TABLES for c in t.columns if c.privacy is Privacy.PERSONAL}
    assert [c.name for t in LAKE_TABLES for c in t.columns if c.name in personal or c.privacy is Privacy.PERSONAL] == []

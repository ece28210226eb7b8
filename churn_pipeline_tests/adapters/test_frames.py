from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.adapters import frames
from churn_pipeline.adapters.frames import candidate_features, lacking, snapshot_blocks, snapshot_frame
from churn_pipeline.adapters.lake import Lake, LakeError
from churn_pipeline.contracts.features.catalogue import NAMED
from churn_pipeline.core.schema import ModelFeature
from churn_pipeline_tests.batches import empty_lake

DAY = datetime(2024, 5, 2, tzinfo=UTC)
KEYS = "'a' as account_id, timestamptz '2024-05-02' as as_of, timestamptz '2024-05-01' as started_at, 1.0::double as trial_day, true as attributes_known"
NONE_OF_THE_OTHERS = ", ".join(
    f"cast(map {{}} as map(varchar, double)) as {named.name}"
    for named in NAMED
    if named.name not in {"events_by_name", "uses_by_feature"}
)


def lake_with(folder: Path, dataset: str, rows: str) -> Lake:
    lake = empty_lake(folder)
    with lake.engine.connection() as connection:
        lake.write(connection, dataset, DAY, rows)
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    rows = (
        f"select 't1' as trial_id, {KEYS}, 'health' as sector, 3.0::double as active_days, null::double as value_total, "
        "map {'login': 2::bigint} as events_by_name, map {'reports': 1::bigint} as uses_by_feature union all by name "
        f"select 't2' as trial_id, {KEYS}, null as sector, 0.0::double as active_days, 1.5::double as value_total, "
        "null as events_by_name, null as uses_by_feature"
    )
    return lake_with(tmp_path, "snapshots", f"from ({rows}) order by trial_id")


def test_numbers_are_doubles_with_nan_and_categories_are_texts_or_none(lake: Lake) -> None:
    features = [
        ModelFeature("sector", "category"),
        ModelFeature("active_days", "number"),
        ModelFeature("value_total", "number"),
        ModelFeature("event_login", "number"),
        ModelFeature("event_invite", "number"),
    ]
    frame = snapshot_frame(lake, "snapshots", DAY, features)
    assert list(frame.columns) == [
        "trial_id", "account_id", "as_of", "started_at", "trial_day",
        "sector", "active_days", "value_total", "event_login", "event_invite",
    ]  # fmt: skip
    assert frame["sector"].tolist() == ["health", None]
    assert frame["sector"].dtype == object
    numbers = frame[["active_days", "value_total", "event_login", "event_invite"]]
    assert set(numbers.dtypes) == {np.dtype("float64")}
    assert numbers["event_login"].tolist() == [2, 0]
    assert numbers["event_invite"].tolist() == [0, 0]
    assert np.isnan(numbers["value_total"][0])


def test_a_key_that_is_a_feature_as_well_comes_once_and_further_columns_may_be_asked_for(lake: Lake) -> None:
    frame = snapshot_frame(lake, "snapshots", DAY, [ModelFeature("trial_day", "number")], also=("sector as segment",))
    assert list(frame.columns) == ["trial_id", "account_id", "as_of", "started_at", "trial_day", "segment"]


@pytest.mark.parametrize(("values", "rows"), [(1, [1, 1]), (4, [1, 1]), (1_000, [2])])
def test_blocks_are_the_frame_in_order_and_have_as_many_rows_as_their_encoded_values_allow(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, values: int, rows: list[int]
) -> None:
    features = [ModelFeature("sector", "category", levels=("health",)), ModelFeature("value_total", "number")]
    monkeypatch.setattr(frames, "VALUES_A_BLOCK", values)
    blocks = list(snapshot_blocks(lake, "snapshots", DAY, features, also=("sector as segment",)))
    assert [len(block) for block in blocks] == rows
    whole = snapshot_frame(lake, "snapshots", DAY, features, also=("sector as segment",))
    pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole)


@pytest.mark.parametrize("features", [[], [ModelFeature("value_total", "number")]])
def test_blocks_have_no_more_rows_than_their_scores_allow_however_few_features_there_are(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, features: list[ModelFeature]
) -> None:
    monkeypatch.setattr(frames, "ROWS_A_BLOCK", 1)
    assert [len(block) for block in snapshot_blocks(lake, "snapshots", DAY, features)] == [1, 1]


def test_a_day_on_which_nobody_runs_is_one_block_without_rows(tmp_path: Path) -> None:
    lake = lake_with(tmp_path, "snapshots", f"select 't1' as trial_id, {KEYS}, null::varchar as sector limit 0")
    (block,) = snapshot_blocks(lake, "snapshots", DAY, [ModelFeature("sector", "category")])
    assert block.empty
    assert list(block.columns) == ["trial_id", "account_id", "as_of", "started_at", "trial_day", "sector"]


def test_columns_that_a_day_lacks_are_named(lake: Lake) -> None:
    features = [ModelFeature(name, "number") for name in ("event_login", "trial_day", "not_yet")]
    assert lacking(lake, "snapshots", DAY, features) == ("not_yet",)


def test_a_day_that_nobody_wrote_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="the lake has no snapshots for 2024-05-03"):
        snapshot_frame(lake, "snapshots", datetime(2024, 5, 3, tzinfo=UTC), [])


def test_the_candidates_of_a_day_are_the_registered_features_and_the_names_common_in_its_training_set(
    tmp_path: Path,
) -> None:
    lake = lake_with(
        tmp_path,
        "training_set",
        "select 't' || i as trial_id, true as attributes_known, case when i = 0 then map {'login': 1::bigint, 'rare': 1::bigint} else "
        "map {'login': 1::bigint} end as events_by_name, map {'reports': 1::bigint} as uses_by_feature, "
        f"{NONE_OF_THE_OTHERS} from range(300) r(i)",
    )
    names = [feature.name for feature in candidate_features(lake, DAY)]
    assert "active_days" in names
    assert [name for name in names if name.startswith(("event_", "feature_"))] == ["event_login", "feature_reports"]


@pytest.mark.parametrize(("known", "offered"), [(20, True), (18, False)])
def test_attributes_are_offered_only_where_the_past_knows_them(known: int, offered: bool, tmp_path: Path) -> None:
    rows = " union all ".join(
        f"select 't{n}' as trial_id, {KEYS.replace('true as', str(n < known).lower() + ' as')}, "
        f"map {{'login': 1::bigint}} as events_by_name, cast(map {{}} as map(varchar, bigint)) as uses_by_feature, {NONE_OF_THE_OTHERS}"
        for n in range(20)
    )
    names = {feature.name for feature in candidate_features(lake_with(tmp_path, "training_set", rows), DAY)}
    assert ("sector" in names) is offered
    assert "active_days" in names

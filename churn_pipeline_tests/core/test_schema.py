from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core.schema import Dropped, FeatureSchema, ModelFeature, SchemaError
from churn_pipeline_tests.scorers import CATALOGUE, trials

SECTOR = ModelFeature("sector", "category", ("retail", "law"))
SIZE = ModelFeature("size", "number")


def test_a_category_is_a_level_or_another_value_or_missing_and_a_number_keeps_its_null() -> None:
    frame = pd.DataFrame({"size": [1.5, None, 3.0, 4.0], "sector": ["law", "retail", "mining", None]})
    schema = FeatureSchema((SIZE, SECTOR))
    assert schema.encoded_names == ("size", "sector = retail", "sector = law", "sector: other", "sector: missing")
    expected = [[1.5, 0, 1, 0, 0], [np.nan, 1, 0, 0, 0], [3, 0, 0, 1, 0], [4, 0, 0, 0, 1]]
    np.testing.assert_array_equal(schema.encode(frame), expected)
    assert schema.owner.tolist() == [0, 1, 1, 1, 1]


@given(st.permutations(["size", "sector", "noise"]), st.sampled_from(["object", "str", "category"]))
def test_neither_the_order_of_columns_nor_the_type_of_text_changes_the_encoding(order: list[str], dtype: str) -> None:
    frame = pd.DataFrame({"size": [1, 2], "sector": ["law", None], "noise": [0, 1]})
    schema = FeatureSchema((SIZE, SECTOR))
    np.testing.assert_array_equal(schema.encode(frame[order].astype({"sector": dtype})), schema.encode(frame))


def test_nullable_integers_and_flags_are_numbers() -> None:
    frame = pd.DataFrame({"size": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(FeatureSchema((SIZE,)).encode(frame), [[1.0], [np.nan]])
    frame = pd.DataFrame({"size": pd.Series([True, None], dtype=object)})
    np.testing.assert_array_equal(FeatureSchema((SIZE,)).encode(frame), [[1.0], [np.nan]])


def test_every_offence_of_a_frame_is_named_at_once() -> None:
    schema = FeatureSchema((SIZE, SECTOR, ModelFeature("age", "number"), ModelFeature("word", "number")))
    frame = pd.DataFrame({"age": [np.inf, 1e39], "word": ["a", "b"], "size": [1.0, 2.0]})
    with pytest.raises(SchemaError) as refused:
        schema.encode(frame)
    for part in ("sector is missing", "age has 2 infinite", "word holds str, not numbers"):
        assert part in str(refused.value)


def test_levels_are_learnt_by_frequency_and_ties_by_name() -> None:
    frame = pd.DataFrame({"sector": ["b", "c", "a", "c", "a", "z", None], "size": range(7)})
    learnt = FeatureSchema.learn(frame, [ModelFeature("sector", "category"), SIZE], min_rows=1, max_levels=3)
    assert learnt.features[0].levels == ("a", "c", "b")


def test_what_cannot_tell_rows_apart_is_dropped_with_the_reason() -> None:
    frame = pd.DataFrame({"size": [1.0, 1.0], "age": [None, None], "sector": ["a", "b"], "good": [1.0, None]})
    catalogue = [
        SIZE,
        *(ModelFeature(n, "number") for n in ("age", "gone", "good")),
        ModelFeature("sector", "category"),
    ]
    learnt = FeatureSchema.learn(frame, catalogue)
    assert learnt.names == ("good",)
    assert learnt.dropped == (
        Dropped("size", "always the same"),
        Dropped("age", "never known"),
        Dropped("gone", "not in the frame"),
        Dropped("sector", "no value has 20 rows"),
    )


def test_a_schema_without_features_or_with_doubled_ones_is_refused() -> None:
    with pytest.raises(SchemaError, match="at least one feature"):
        FeatureSchema.learn(pd.DataFrame({"size": [1.0, 1.0]}), [SIZE])
    with pytest.raises(SchemaError, match="declared twice: size"):
        FeatureSchema((SIZE, SIZE))


def test_a_schema_survives_json() -> None:
    frame, _ = trials(200, seed=1)
    schema = FeatureSchema.learn(frame, (*CATALOGUE, ModelFeature("gone", "number")))
    assert FeatureSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_encoded_columns_sum_back_to_their_feature() -> None:
    schema = FeatureSchema((SECTOR, SIZE))
    np.testing.assert_array_equal(schema.by_feature(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])), [[10.0, 5.0]])


def test_no_rows_encode_to_no_rows() -> None:
    frame = pd.DataFrame({"size": pd.Series([], dtype=float), "sector": pd.Series([], dtype=object)})
    assert FeatureSchema((SIZE, SECTOR)).encode(frame).shape == (0, 5)

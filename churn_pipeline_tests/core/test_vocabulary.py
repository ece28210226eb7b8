from __future__ import annotations

import duckdb
import pytest

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED
from churn_pipeline.contracts.features.own import OwnFeature
from churn_pipeline.contracts.features.value import FIRST_VALUE, PATH_PROGRESS
from churn_pipeline.core.reasons import words
from churn_pipeline.core.schema import ModelFeature, SchemaError
from churn_pipeline.core.vocabulary import (
    candidates,
    columns_read,
    feature_columns,
    learnt,
    segments,
    unregistered,
    vocabulary_query,
)


def found(snapshots: str, **options: float) -> list[tuple[str, str, int]]:
    with duckdb.connect(config={"threads": 1}) as connection:
        rows: list[tuple[str, str, int]] = connection.sql(vocabulary_query(snapshots, **options)).fetchall()
    return rows


def looked_at(*trials: tuple[str, dict[str, int]]) -> str:
    """Snapshots in which those events were counted."""
    return " union all ".join(
        f"select '{trial}' as trial_id, map {counts} as events_by_name, "
        + ", ".join(f"cast(map {{}} as map(varchar, double)) as {other.name}" for other in NAMED[1:])
        for trial, counts in trials
    )


def test_names_are_counted_by_trials_and_not_by_snapshots() -> None:
    snapshots = looked_at(("a", {"login": 9}), ("a", {"login": 12}), ("b", {"login": 1, "invite": 1}))
    assert found(snapshots) == [("events_by_name", "login", 2), ("events_by_name", "invite", 1)]


def test_a_name_that_too_few_trials_have_is_left_out() -> None:
    snapshots = looked_at(("a", {"login": 9}), ("b", {"login": 1}), ("c", {"login": 1, "rare": 1}))
    assert [name for _, name, _ in found(snapshots, least_share=0.5)] == ["login"]


def test_of_too_many_names_the_most_common_are_kept() -> None:
    longest = NAMED[0].words
    many = {f"n{number:03d}": 1 for number in range(longest + 5)}
    snapshots = looked_at(("a", many), ("b", {"n044": 1}))
    names = [name for _, name, _ in found(snapshots)]
    assert len(names) == longest
    assert names[:2] == ["n044", "n000"]


def test_candidates_are_the_registered_features_and_one_for_each_name() -> None:
    features = candidates({"events_by_name": ["login"], "uses_by_feature": ["it's {odd}"]})
    assert [f.name for f in features[: len(FEATURES)]] == [f.name for f in FEATURES]
    assert [f.name for f in features[len(FEATURES) :]] == ["event_login", "feature_it's {odd}"]
    assert words(features[-1], 3.0, 0.1) == "used it's {odd} 3 times: pushes up"


def test_a_snapshot_is_flattened_and_a_name_that_was_never_counted_is_zero() -> None:
    features = [
        ModelFeature("event_login", "number"),
        ModelFeature("event_never", "number"),
        ModelFeature('feature_it\'s "odd"', "number"),
        ModelFeature("active_days", "number"),
    ]
    with duckdb.connect() as connection:
        (row,) = (
            connection.sql(
                f"select {feature_columns(features)} from (select 4.0::double as active_days, "
                "map {'login': 2} as events_by_name, map {'it''s \"odd\"': 7} as uses_by_feature)"
            )
            .to_arrow_table()
            .to_pylist()
        )
    assert row == {"event_login": 2.0, "event_never": 0.0, 'feature_it\'s "odd"': 7.0, "active_days": 4.0}


def test_an_indicator_that_nobody_published_is_null_and_not_zero() -> None:
    features = [ModelFeature(f"indicator_{name}", "number") for name in ("climate", "never")]
    with duckdb.connect() as connection:
        found = connection.sql(
            f"select {feature_columns(features)} from (select map {{'climate': 99.5}} as indicators)"
        )
        assert found.fetchall() == [(99.5, None)]


def test_what_was_learnt_is_computed_from_the_steps_that_travel_with_the_model() -> None:
    odd = "it's {odd}"
    features = [learnt(FIRST_VALUE, [odd]), learnt(PATH_PROGRESS, ["login", odd, "export", "never"])]
    with duckdb.connect() as connection:

        def found(reached: str) -> tuple[float | None, ...]:
            (row,) = connection.execute(
                f"select {feature_columns(features)} from (select {reached} as reached_steps)"
            ).fetchall()
            return row

        assert found("map {'login': 0.5, 'it''s {odd}': 7.25}") == (7.25, 0.5)
        assert found("map {'login': 0.5}") == (None, 0.25)
        assert found("cast(null as map(varchar, double))") == (None, 0.0)
    assert words(features[0], 7.25, 0.1) == "first it's {odd} after 7 hours: pushes up"
    assert words(features[0], None, -0.1) == "no it's {odd} yet: pushes down"
    assert words(features[1], 0.5, 0.1).startswith("took 50% of the steps that converters take (login, it's {odd}, ")
    assert unregistered(features) == ()


def test_of_other_steps_a_learnt_feature_has_another_name() -> None:
    """Champion and challenger are judged on one frame."""
    names = [learnt(FIRST_VALUE, [step]).name for step in ("login", "export", "login")]
    assert names[0] == names[2] != names[1]


def test_without_a_raw_column_nothing_that_needs_it_is_offered() -> None:
    vocabulary = {"indicators": ["climate"], "events_by_name": ["login"]}
    every, some = (
        {f.name for f in candidates(vocabulary, without=without)} for without in ((), ("trials.sector", "trials.plan"))
    )
    assert {"sector", "plan", "indicator_climate"} <= every - some
    assert {"country", "event_login"} <= some


def test_features_are_taken_from_columns_of_their_own_or_from_the_map_that_counts_them() -> None:
    names = ("event_login", "event_never", "feature_x", "active_days")
    read = columns_read([*(ModelFeature(name, "number") for name in names), learnt(FIRST_VALUE, ["login"])])
    assert read == {"events_by_name", "uses_by_feature", "active_days", "reached_steps"}


def test_features_that_are_neither_registered_nor_counted_are_named_at_once() -> None:
    features = [ModelFeature(name, "number") for name in ("luck", "active_days", "event_login", "fate")]
    assert unregistered(features) == ("luck", "fate")
    with pytest.raises(SchemaError, match=r"no snapshot has: luck, fate\n(.|\n)*do: .*churn retrain"):
        feature_columns(features)


def test_a_feature_of_ones_own_is_barred_with_the_attributes_that_it_is_computed_from() -> None:
    mine = (
        OwnFeature("plain", "x", "{value} x", "count(*)"),
        OwnFeature("by_plan", "x", "{value} y", "count(plan)", uses=("plan",)),
    )
    found = {"own": [one.key for one in mine]}
    names = [f.name for f in candidates(found, own=mine) if f.name.startswith("own_")]
    assert names == [one.feature for one in mine]
    (kept,) = [f for f in candidates(found, own=mine, without={"trials.plan"}) if f.name.startswith("own_")]
    assert (kept.name, kept.says) == (mine[0].feature, "{value} x")


def test_segments_are_the_categories_of_a_trial_and_of_a_teams_own_table() -> None:
    plan, own = ModelFeature("plan", "category"), ModelFeature("city", "category", read_from="table_city")
    others = (ModelFeature("last_event", "category"), ModelFeature("age", "number", read_from="table_age"))
    assert [f.name for f in segments([plan, *others, own, plan])] == ["plan", "city"]

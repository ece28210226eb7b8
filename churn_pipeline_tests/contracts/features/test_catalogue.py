from __future__ import annotations

import re

import pytest

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS, REGISTERED, falling_away, feature
from churn_pipeline.contracts.features.feature import Feature, Peers
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Privacy

COLUMNS = {f"{table.name}.{column.name}": column for table in RAW_TABLES for column in table.columns}
ALSO_KNOWN_AS = {"millionths": "events.value"}
"""Columns of the records that are made of a raw column."""
EVERY = pytest.mark.parametrize("registered", FEATURES, ids=lambda registered: registered.name)


def test_no_name_is_given_twice_and_none_looks_like_a_count_of_a_name() -> None:
    names = [registered.name for registered in FEATURES]
    assert len(set(names)) == len(names)
    prefixes = tuple(counts.prefix for counts in NAMED_COUNTS)
    assert [name for name in names if name.startswith(prefixes)] == []


@EVERY
def test_a_feature_needs_only_columns_that_exist_and_are_not_personal(registered: Feature) -> None:
    assert [need for need in registered.needs if COLUMNS[need].privacy is Privacy.PERSONAL] == []


@EVERY
def test_each_feature_can_be_put_into_words(registered: Feature) -> None:
    said = registered.says.format(value="health" if registered.kind == "category" else 3.0)
    assert "{" not in said
    assert said != registered.says
    assert registered.meaning.endswith(".")


@pytest.mark.parametrize("registered", REGISTERED, ids=lambda registered: registered.name)
def test_a_feature_that_reads_an_optional_column_names_it_so_that_it_falls_away_with_it(registered: Feature) -> None:
    """Whatever optional column stands in its SQL, in its grain's key or in a measure that it uses, is among its needs."""
    grain, over = registered.grain, registered.over
    words = set(re.findall(r"\w+", registered.sql))
    texts = (
        [grain.key, *(sql for name, sql in grain.measures if name in words)]
        if grain
        else [over.segment if isinstance(over, Peers) else registered.sql]
    )
    read = {word for text in texts for word in re.findall(r"\w+", text)}
    table = ("touches" if grain.of == "sent" else "events") if grain else "trials"
    optional = {name for name, column in COLUMNS.items() if name.startswith(f"{table}.") and column.null}
    written = {ALSO_KNOWN_AS.get(word, f"{table}.{word}") for word in read}
    assert written & optional <= set(registered.needs)


def test_measures_are_one_aggregate_call_so_that_each_look_can_filter_it() -> None:
    measures = {sql for registered in REGISTERED if registered.grain for _, sql in registered.grain.measures}
    assert [sql for sql in measures if not re.fullmatch(r"\w+\([^()]*\)", sql)] == []


def test_without_an_optional_column_its_features_fall_away_and_no_others() -> None:
    every = set(COLUMNS)
    assert falling_away(every) == ()
    assert {f.name for f in falling_away(every - {"events.value"})} == {"value_total", "value_mean"}
    assert {f.name for f in falling_away(every - {"events.session_id"})} == {
        "sessions_total",
        "sessions_7d",
        "events_per_session",
        "session_minutes",
        "bounced_share",
        "moves_evenness",
        "minutes_between_steps",
        "transitions",
    }
    assert {f.name for f in falling_away(every - {"touches.touch_id"})} == {
        "touches_total",
        "hours_since_last_touch",
        "touches_3d",
        "touches_by_kind",
    }
    assert {f.name for f in falling_away(every - {"indicators.value"})} == {"indicators"}


def test_a_feature_is_found_by_name() -> None:
    assert feature("active_days").family == "volume"
    with pytest.raises(KeyError, match="no feature 'luck' is registered"):
        feature("luck")

from __future__ import annotations

import pytest

from churn_pipeline.contracts.features.catalogue import FEATURES, NAMED_COUNTS, falling_away, feature
from churn_pipeline.contracts.features.feature import Feature
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.contracts.spec import Privacy

COLUMNS = {f"{table.name}.{column.name}": column for table in RAW_TABLES for column in table.columns}
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


@EVERY
def test_a_feature_that_needs_an_optional_moment_names_what_it_reads(registered: Feature) -> None:
    """Whatever optional column of its source stands in its SQL is among its needs, so that it falls away with it."""
    import re

    words = set(re.findall(r"[a-z_]+", registered.sql))
    source = {"event": "events", "touch": "touches", "trial": "trials"}[registered.source]
    optional = {
        name
        for name, column in COLUMNS.items()
        if name.startswith(f"{source}.") and column.null and name.split(".")[1] in words
    }
    assert optional <= set(registered.needs)


def test_without_an_optional_column_its_features_fall_away_and_no_others() -> None:
    every = set(COLUMNS)
    assert falling_away(every) == ()
    assert {f.name for f in falling_away(every - {"events.value"})} == {"value_total", "value_mean"}
    assert {f.name for f in falling_away(every - {"events.session_id"})} == {"sessions_total", "sessions_7d"}
    assert {f.name for f in falling_away(every - {"touches.touch_id"})} == {"touches_total", "hours_since_last_touch"}


def test_a_feature_is_found_by_name() -> None:
    assert feature("active_days").family == "volume"
    with pytest.raises(KeyError, match="no feature 'luck' is registered"):
        feature("luck")

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from churn_pipeline.contracts.feature_table import FeatureTable, TableColumn, Use
from churn_pipeline.core.feature_table import (
    labelled_query,
    labels_query,
    newest_query,
    running_query,
    table_features,
    training_query,
)

COLUMNS = (
    TableColumn("id", "category", Use.ID),
    TableColumn("churned", "category", Use.LABEL),
    TableColumn("visits", "number", Use.FEATURE),
    TableColumn('pl"an', "category", Use.FEATURE),
    TableColumn("as_of", "number", Use.FEATURE),
    TableColumn("left", "number", Use.LEFT_OUT, "asked for"),
)
WITHOUT_TIME = FeatureTable(COLUMNS, "no'")
WITH_TIME = FeatureTable((*COLUMNS, TableColumn("day", "category", Use.TIME)), "no'")
NOW = "timestamptz '2024-03-10 00:00:00+00'"
ROWS = """
select * from (values
  ('a', 'no''', 3.0, 'pro',   1.0, timestamptz '2024-03-01 00:00:00+00'),
  ('a', null,   4.0, 'pro',   2.0, timestamptz '2024-03-08 00:00:00+00'),
  ('b', 'yes',  5.0, null,    3.0, timestamptz '2024-03-02 00:00:00+00'),
  ('c', null,   6.0, 'basic', 4.0, timestamptz '2024-03-03 00:00:00+00'),
  ('c', 'yes',  7.0, 'basic', 5.0, timestamptz '2024-03-04 00:00:00+00'),
  ('d', null,   8.0, 'basic', 6.0, timestamptz '2024-03-10 00:00:00+00')
) as t(id, churned, visits, "pl""an", as_of, day)
"""
ONE_EACH = f"select * from ({ROWS}) qualify row_number() over (partition by id order by day desc) = 1"


def rows(query: str) -> list[dict[str, Any]]:
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("set TimeZone = 'UTC'")
    found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found


def by_id(found: list[dict[str, Any]], column: str) -> list[tuple[Any, Any]]:
    return [(row["trial_id"], row[column]) for row in found]


def test_the_features_are_called_like_their_columns_unless_something_else_is() -> None:
    features = table_features(WITHOUT_TIME)
    assert [(f.name, f.kind, f.read_from) for f in features] == [
        ("visits", "number", "table.visits"),
        ('pl"an', "category", 'table.pl"an'),
        ("as_of of the table", "number", "table.as_of"),
    ]
    assert features[0].says.format(value=1234.5) == "visits is 1,234.5"
    assert features[1].says.format(value="pro") == 'pl"an is pro'


def test_what_has_a_label_is_history_and_what_has_none_in_its_newest_row_is_scored() -> None:
    trained = rows(training_query(WITH_TIME, ROWS, NOW))
    assert by_id(trained, "converted") == [("a", True), ("b", False), ("c", False)]
    assert by_id(trained, "table.visits") == [("a", 3.0), ("b", 5.0), ("c", 7.0)]
    assert [f"{row['as_of']:%m-%d} {row['started_at']:%m-%d}" for row in trained] == [
        "03-01 03-01",
        "03-02 03-02",
        "03-04 03-03",
    ]
    scored = rows(running_query(WITH_TIME, ROWS, NOW, segment='pl"an'))
    assert by_id(scored, "table.visits") == [("a", 4.0)], "c's newest row has a label, d's is not known yet"
    assert (scored[0]["sector"], f"{scored[0]['as_of']:%m-%d}") == ("pro", "03-10")
    labels = rows(labels_query(WITH_TIME, ROWS, NOW))
    assert by_id(labels, "converted") == [("a", True), ("b", False), ("c", False)]
    known = [row["converted"] for row in rows(labelled_query(WITH_TIME, ROWS, NOW))]
    assert sorted(known) == [False, False, True]


def test_an_entity_whose_labels_differ_from_row_to_row_has_no_outcome() -> None:
    panel = ROWS.replace("('a', null,   4.0", "('a', 'yes',  4.0")
    assert panel != ROWS
    assert [row["trial_id"] for row in rows(labels_query(WITH_TIME, panel, NOW))] == ["b", "c"]
    assert len(rows(training_query(WITH_TIME, panel, NOW))) == 4


def test_without_a_time_the_order_is_that_of_a_hash_of_the_id() -> None:
    many = "select 'c' || n as id, 'yes' as churned, 1.0 as visits, 'x' as \"pl\"\"an\", 0.0 as as_of from range(500) as r(n)"
    found = rows(training_query(WITHOUT_TIME, many, NOW))
    order = [row["trial_id"] for row in found]
    assert sorted(order) == sorted(f"c{n}" for n in range(500)) != order
    assert order == [row["trial_id"] for row in rows(training_query(WITHOUT_TIME, f"{many} order by n desc", NOW))]
    half = [row["trial_id"] for row in rows(training_query(WITHOUT_TIME, many, NOW, share=0.5))]
    assert half == [one for one in order if one in set(half)]
    assert 200 < len(half) < 300


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_where_all_have_a_label_those_are_scored_that_models_are_tested_on(share: float) -> None:
    """That is, the same as `core.splits` puts into the test cohort."""
    from churn_pipeline.core.splits import cohorts

    many = "select 'c' || n as id, 'yes' as churned, 1.0 as visits, 'x' as \"pl\"\"an\", 0.0 as as_of from range(203) as r(n)"
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("set TimeZone = 'UTC'")
    training = connection.sql(training_query(WITHOUT_TIME, many, NOW)).df()
    tested = training[cohorts(training, validation=0.1, calibration=0.1, test=share).test]["trial_id"]
    scored = connection.sql(newest_query(WITHOUT_TIME, many, NOW, share)).df()["trial_id"]
    assert sorted(tested) == sorted(scored)
    assert rows(running_query(WITHOUT_TIME, many, NOW)) == []

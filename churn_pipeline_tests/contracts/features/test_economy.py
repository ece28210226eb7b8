from __future__ import annotations

from datetime import timedelta

from churn_pipeline.contracts.features.catalogue import NAMED_VALUES
from churn_pipeline.contracts.features.economy import INDICATOR_VALUES
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.core.vocabulary import candidates
from churn_pipeline_tests.looks import MIDNIGHT, features
from churn_pipeline_tests.worlds import Row

AS_OF = MIDNIGHT + timedelta(days=9)
"""Of the look at day 10."""


def published(value: float, *, period: int, before: float, sector: str = "health", indicator: str = "climate") -> Row:
    """A value of a period (30 days each, so many ago), published so many days before the look."""
    return {
        "sector": sector,
        "indicator": indicator,
        "period_start": AS_OF - timedelta(days=30 * period),
        "value": value,
        "published_at": AS_OF - timedelta(days=before),
    }


def test_of_each_indicator_of_the_sector_the_newest_period_counts_with_its_newest_value() -> None:
    rows = [
        published(1.0, period=3, before=60),
        published(2.0, period=2, before=30),
        published(2.5, period=2, before=1),
        published(1.5, period=3, before=0.5),  # an older period, revised after the newest one
        published(7.0, period=2, before=20, indicator="it's {odd}"),
        published(9.0, period=2, before=20, sector="retail"),
    ]
    assert dict(features(sector="health", published=rows)["indicators"]) == {"climate": 2.5, "it's {odd}": 7.0}


def test_what_is_published_at_the_look_or_later_does_not_exist_for_it() -> None:
    rows = [
        published(2.0, period=2, before=30),
        published(3.0, period=1, before=0),
        published(4.0, period=2, before=-3),
    ]
    assert dict(features(sector="health", published=rows)["indicators"]) == {"climate": 2.0}
    assert features(sector="health", published=rows[1:])["indicators"] is None


def test_without_a_sector_or_in_one_of_which_nothing_is_published_nothing_is_known() -> None:
    rows = [published(2.0, period=2, before=30)]
    assert features(published=rows)["indicators"] is None
    assert features(sector="retail", published=rows)["indicators"] is None


def test_an_indicator_of_any_size_stays_a_number_that_models_can_take() -> None:
    assert dict(features(sector="health", published=[published(-1e300, period=2, before=30)])["indicators"]) == {
        "climate": -1e12
    }


def test_a_family_by_name_needs_columns_that_exist_and_can_be_put_into_words() -> None:
    columns = {f"{table.name}.{column}" for table in RAW_TABLES for column in table.names}
    assert {need for family in NAMED_VALUES for need in family.needs} <= columns
    (told,) = [f for f in candidates({INDICATOR_VALUES.name: ["climate"]}) if f.name == "indicator_climate"]
    assert told.says.format(value=99.5) == "climate of the sector is 99.5"

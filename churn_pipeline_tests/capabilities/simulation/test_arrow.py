from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from churn_pipeline.capabilities.simulation import arrow
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import CONTACTS, SUBSCRIPTIONS

KNOWN = np.array([True, False])


def test_moments_are_utc_and_null_where_not_known() -> None:
    assert arrow.moments(np.array([86_400_001, 5]), KNOWN).to_pylist() == [
        datetime(1970, 1, 2, 0, 0, 0, 1_000, tzinfo=UTC),
        None,
    ]


def test_amounts_are_exact() -> None:
    assert arrow.amounts(np.array([1_999, 0, -5])).to_pylist() == [Decimal("19.9900"), Decimal(0), Decimal("-0.0500")]


def test_words_and_numbers_are_null_where_not_known() -> None:
    assert arrow.words(np.array([1, 0]), ["a", "b"], KNOWN).to_pylist() == ["b", None]
    assert arrow.numbers(np.array([3, 4]), KNOWN).to_pylist() == [3, None]
    assert arrow.only(KNOWN, arrow.words(np.array([1, 0]), ["a", "b"])).to_pylist() == ["b", None]


def test_a_table_has_every_column_of_the_contract() -> None:
    found = arrow.in_contract(CONTACTS, contact_id=["p"], trial_id=["t"])
    assert found.schema == arrow_schema(CONTACTS)
    assert found["email"].null_count == 1


def test_what_is_known_before_a_moment_is_so_by_every_column_that_says_when() -> None:
    changed = arrow.moments(np.array([0, 1_000, 5]), np.array([True, True, False]))
    found = arrow.in_contract(
        SUBSCRIPTIONS,
        subscription_id=["b", "b", "c"],
        trial_id=["t", "t", "u"],
        started_at=arrow.moments(np.array([0, 0, 5])),
        updated_at=changed,
    )
    before = arrow.known_before(found, SUBSCRIPTIONS, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert before["subscription_id"].to_pylist() == ["b", "c"]

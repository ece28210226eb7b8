from __future__ import annotations

import pytest

from churn_pipeline.contracts.raw import CONTACTS, EVENTS, INDICATORS, RAW_TABLES, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Door, Instant, Presence, Privacy, Table


def test_the_door_has_the_eight_tables_of_the_contract_and_trials_come_first() -> None:
    names = [table.name for table in RAW_TABLES]
    assert names == [
        "trials", "events", "subscriptions", "invoices", "touches", "assignments", "contacts", "indicators",
    ]  # fmt: skip
    assert {table.name for table in RAW_TABLES if table.presence is Presence.REQUIRED} == {"trials", "events"}
    assert SUBSCRIPTIONS.presence is Presence.FOR_TRAINING


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_each_record_says_when_it_became_known_by_a_moment(table: Table) -> None:
    assert table.door is Door.RAW
    moments = (*table.known_at, *((table.versioned_by,) if table.versioned_by else ()))
    assert table.known_at
    assert all(isinstance(table.column(moment).type, Instant) for moment in moments)


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_a_column_says_what_its_null_means_exactly_where_it_may_be_null(table: Table) -> None:
    assert [c.name for c in table.columns if c.null != bool(c.absent)] == []


@pytest.mark.parametrize("table", [table for table in RAW_TABLES if table.fixed], ids=lambda table: table.name)
def test_what_never_changes_holds_the_key_and_the_moment_and_never_the_version(table: Table) -> None:
    assert set(table.key) | set(table.known_at) <= set(table.fixed)
    assert table.versioned_by not in table.fixed


def test_an_event_is_known_when_it_has_happened_and_arrived() -> None:
    assert EVENTS.known_at == ("occurred_at", "received_at")
    assert EVENTS.versioned_by is None


def test_personal_data_stands_in_contacts_and_in_what_events_carry_along() -> None:
    personal = {(t.name, c.name) for t in RAW_TABLES for c in t.columns if c.privacy is Privacy.PERSONAL}
    assert personal == {("contacts", "email"), ("contacts", "name"), ("contacts", "owner"), ("events", "properties")}
    assert {c.privacy for c in (TRIALS.column("trial_id"), CONTACTS.column("contact_id"))} == {Privacy.PSEUDONYM}


def test_an_indicator_is_revised_by_a_later_publication() -> None:
    assert INDICATORS.versioned_by == "published_at"
    assert "published_at" not in INDICATORS.key

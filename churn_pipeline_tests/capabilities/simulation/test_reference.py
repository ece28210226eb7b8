from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest

from churn_pipeline.capabilities.simulation.calendar import ALWAYS, NEVER, SECOND
from churn_pipeline.capabilities.simulation.reference import IN_CRM_SECONDS, NO_EMAIL, contacts, in_crm, indicators
from churn_pipeline_tests.businesses import business, world


def test_contacts_are_made_up_and_reach_nobody() -> None:
    found = contacts(5, np.arange(5_000), np.zeros(5_000, np.int64))
    addresses = found["email"].drop_null()
    assert pc.all(pc.match_substring_regex(addresses, r"^[a-z]+\.[a-z]+\.[0-9a-f]{10}@example\.com$")).as_py()
    assert len(addresses.unique()) == len(addresses)
    assert found["email"].null_count / 5_000 == pytest.approx(NO_EMAIL, abs=0.008)
    assert 0.3 < found["owner"].null_count / 5_000 < 0.7


def test_a_contact_is_in_the_crm_soon_after_the_start() -> None:
    people = business().population
    took = in_crm(5, people) - people.started
    assert took.min() >= 0
    assert took.max() <= IN_CRM_SECONDS * SECOND


def test_every_month_of_every_sector_is_published_and_revised() -> None:
    found = indicators(business().climate, (ALWAYS, NEVER))
    versions = found.group_by(["sector", "indicator", "period_start"]).aggregate([("published_at", "count_distinct")])
    assert set(versions["published_at_count_distinct"].to_pylist()) == {2}
    assert len(versions) == 8 * 2 * (len(business().climate.months) - 1)


def test_an_indicator_is_known_only_after_its_month() -> None:
    found = world().indicators
    lag = pc.subtract(found["published_at"], found["period_start"]).cast("int64").to_numpy() / 86_400e6
    assert lag.min() >= 28 + 20

from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation import records
from churn_pipeline.capabilities.simulation.catalogue import COUNTRIES
from churn_pipeline.capabilities.simulation.touches import KIND, usual_touch
from churn_pipeline_tests.businesses import business, world


def test_a_trial_has_the_same_id_wherever_it_is_named() -> None:
    some = world()
    trials = set(some.trials["trial_id"].to_pylist())
    for table in (some.events, some.subscriptions, some.touches, some.assignments, some.contacts):
        assert set(table["trial_id"].to_pylist()) <= trials


def test_invoices_bill_subscriptions_in_their_currency() -> None:
    some = world()
    paid = some.invoices.group_by(["subscription_id", "currency"]).aggregate([])
    bought = some.subscriptions.group_by(["subscription_id", "currency"]).aggregate([])
    assert sorted(map(tuple, (r.values() for r in paid.to_pylist()))) == sorted(
        map(tuple, (r.values() for r in bought.to_pylist()))
    )


def test_only_touches_of_the_experiment_name_it() -> None:
    by_policy = records.touches(usual_touch(business().population, KIND["email"]))
    assert by_policy["experiment_id"].null_count == by_policy["arm"].null_count == by_policy.num_rows
    some = world().touches.to_pandas()
    tested = some["experiment_id"].notna()
    assert (some.loc[tested, "arm"] == some.loc[tested, "kind"]).all()
    assert set(some.loc[~tested, "kind"]) == {"cs_call"}


def test_a_touch_of_the_experiment_is_that_of_the_arm_the_trial_drew() -> None:
    some = world()
    drawn = dict(zip(some.assignments["trial_id"].to_pylist(), some.assignments["arm"].to_pylist(), strict=True))
    tested = [row for row in some.touches.to_pylist() if row["experiment_id"]]
    assert tested
    assert all(drawn[row["trial_id"]] == row["arm"] for row in tested)


def test_trials_pay_in_the_currency_of_their_country() -> None:
    people = business().population
    expected = [COUNTRIES[place].currency for place in people.country[:50]]
    assert records.currency(people, np.arange(50)).to_pylist() == expected

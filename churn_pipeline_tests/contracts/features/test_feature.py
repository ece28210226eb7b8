from __future__ import annotations

import pytest

from churn_pipeline.contracts.features.feature import Feature, Grain, NamedCounts


def test_a_feature_is_of_the_trial_since_its_start_and_never_null_unless_it_says_so() -> None:
    feature = Feature("logins", "volume", "Logins.", sql="1", says="{value} logins")
    assert (feature.over, feature.kind, feature.window) == (None, "number", "since the start")
    assert (feature.absent, feature.needs, feature.hidden) == ("", (), False)
    with pytest.raises(AttributeError):
        feature.sql = "1"  # type: ignore[misc] # frozen: that is what is tested


def test_a_feature_needs_what_its_grain_needs_and_what_it_adds() -> None:
    users = Grain("users", key="user_id", needs=("events.user_id",))
    assert Feature("f", "team", "M.", "1", "", over=users, also_needs=("events.value",)).needs == (
        "events.user_id",
        "events.value",
    )
    assert NamedCounts("n", "n_", "team", users, "M.", "").needs == ("events.user_id",)

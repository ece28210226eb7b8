from __future__ import annotations

import pytest

from churn_pipeline.contracts.features.feature import Feature


def test_a_feature_counts_events_since_the_start_and_is_never_null_unless_it_says_so() -> None:
    feature = Feature("logins", "volume", "Logins.", sql="count(*)", says="{value} logins")
    assert (feature.source, feature.kind, feature.window) == ("event", "number", "since the start")
    assert (feature.absent, feature.needs) == ("", ())
    with pytest.raises(AttributeError):
        feature.sql = "1"  # type: ignore[misc] # frozen: that is what is tested

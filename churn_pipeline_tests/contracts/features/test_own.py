from __future__ import annotations

from churn_pipeline.contracts.features.catalogue import NAMED
from churn_pipeline.contracts.features.own import OWN, OwnFeature


def test_a_feature_of_ones_own_is_one_member_of_the_family() -> None:
    assert OWN in NAMED
    assert OwnFeature("exports", "Exports.", "{value:.0f} exports", "count(*)").feature.startswith("own_exports_")

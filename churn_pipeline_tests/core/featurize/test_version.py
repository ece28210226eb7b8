from __future__ import annotations

from churn_pipeline.core.featurize.version import features_version


def test_the_version_is_stable_within_a_process_and_short() -> None:
    assert features_version() == features_version()
    assert len(features_version()) == 12

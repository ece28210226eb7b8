from __future__ import annotations

import pytest

from churn_pipeline.contracts.features.catalogue import feature
from churn_pipeline.contracts.features.feature import Feature, Peers
from churn_pipeline.contracts.features.segment import SEGMENT, WHOM
from churn_pipeline.core.featurize.looks import ATTRIBUTES


@pytest.mark.parametrize("registered", SEGMENT, ids=lambda registered: registered.name)
def test_what_is_compared_is_a_whole_number_that_is_always_known(registered: Feature) -> None:
    assert isinstance(registered.over, Peers)
    of = feature(registered.over.of)
    assert of.grain is not None
    assert (of.absent, of.kind) == ("", "number")
    assert of.sql == "count(*)" or of.sql == "sum(n)"


def test_a_trial_is_compared_with_those_that_share_an_attribute() -> None:
    assert set(WHOM) <= set(ATTRIBUTES)
    assert feature("events_z_by_sector").needs == ("trials.sector",)
    assert feature("features_used_rank_by_plan").needs == ("events.feature", "trials.plan")


def test_the_sentences_tell_with_whom() -> None:
    assert feature("events_rank_by_sector").says.format(value=0.8) == (
        "more events than 80% of trials in its sector at this day"
    )
    assert feature("features_used_z_by_plan").says.format(value=-1.26) == (
        "-1.3 standard deviations of product features used from the usual among trials on its plan at this day"
    )

from __future__ import annotations

import re

from churn_pipeline.contracts.features import grains
from churn_pipeline.contracts.features.catalogue import NAMED_COUNTS, REGISTERED
from churn_pipeline.contracts.features.feature import Grain

DECLARED = [grain for grain in vars(grains).values() if isinstance(grain, Grain)]


def test_every_grain_has_a_name_of_its_own_and_is_used() -> None:
    names = [grain.name for grain in DECLARED]
    assert len(set(names)) == len(names)
    used = [*(told.grain for told in REGISTERED if told.grain), *(counts.over for counts in NAMED_COUNTS)]
    assert {grain.name for grain in used} == set(names)


def test_no_grain_has_the_name_of_a_feature_or_a_measure_called_like_what_looks_know_anyway() -> None:
    assert not {grain.name for grain in DECLARED} & {"seen", "known", "looked", "acts", "sent", "arms", "versions"}
    measures = {name for grain in DECLARED for name, _ in grain.measures}
    assert not measures & {"n", "trial", "today", "now", "place"}


def test_every_measure_is_a_count_sum_min_or_max_so_that_parts_combine() -> None:
    calls = {sql for grain in DECLARED for _, sql in grain.measures}
    assert [sql for sql in calls if not re.fullmatch(r"(count|sum|min|max)\(\w+\)", sql)] == []

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.promotion.gate import Judged
from churn_pipeline.capabilities.promotion.thresholds import buckets, split


def judged(trials: int, looks: int = 2) -> Judged:
    """Scores from 0 to 1 that mean what they say."""
    rng = np.random.default_rng(1)
    truth = np.repeat(rng.random(trials), looks)
    converted = np.repeat(rng.random(trials), looks) < truth
    names = np.repeat(np.array([f"t{n}" for n in range(trials)], dtype=object), looks)
    return Judged(names, converted, truth, truth, truth, truth)


def test_the_buckets_are_all_looks_and_convert_as_their_scores_say() -> None:
    found = buckets(judged(4_000), at_risk_below=0.3, hot_above=0.7)
    assert list(found) == ["at_risk", "middle", "hot"]
    assert sum(part.share for part in found.values()) == pytest.approx(1)
    assert sum(part.trials for part in found.values()) == 4_000
    for part, rate in zip(found.values(), (0.15, 0.5, 0.85), strict=True):
        assert part.converted is not None
        assert part.converted.mid == pytest.approx(rate, abs=0.03)
        assert part.converted.low < part.converted.mid < part.converted.high


def test_a_higher_threshold_leaves_fewer_above_it_that_convert_more_often() -> None:
    found = split(judged(4_000))
    above = [part for _, part in found.values()]
    assert [part.share for part in above] == sorted((part.share for part in above), reverse=True)
    rates = [part.converted.mid for part in above if part.converted]
    assert rates == sorted(rates)
    below, beyond = found[0.5]
    assert below.share + beyond.share == pytest.approx(1)


def test_a_bucket_of_nobody_has_no_rate_and_one_of_few_is_not_sure_of_it() -> None:
    found = buckets(judged(1), at_risk_below=0.3, hot_above=0.7)
    assert [name for name, part in found.items() if part.converted] == ["middle"]
    assert str(found["hot"]) == "0% of the looks (0 trials)"
    alone = found["middle"].converted
    assert alone is not None
    assert alone.high - alone.low > 0.7


def test_a_bucket_is_a_sentence() -> None:
    words = str(buckets(judged(4_000), at_risk_below=0.3, hot_above=0.7)["hot"])
    assert words.startswith("30% of the looks (1,1")
    assert "convert (" in words

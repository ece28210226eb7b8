from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.core.arms import of_canary

TRIALS = [f"trial-{number}" for number in range(20_000)]
SHARES = st.floats(0, 1)


@given(st.lists(st.text(max_size=12), max_size=30), SHARES, SHARES)
def test_what_belongs_to_the_canary_does_so_at_every_larger_share(trials: list[str], one: float, other: float) -> None:
    small, large = (of_canary(trials, canary="7", share=share) for share in sorted((one, other)))
    assert not (small & ~large).any()


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=30), st.randoms())
def test_the_arm_of_a_trial_depends_on_nothing_but_its_id(trials: list[str], random: object) -> None:
    alone = [bool(of_canary([trial], canary="7", share=0.5)[0]) for trial in trials]
    assert of_canary(trials, canary="7", share=0.5).tolist() == alone


def test_the_share_is_kept_and_every_version_is_dealt_other_trials() -> None:
    one, other = (of_canary(TRIALS, canary=version, share=0.1) for version in ("7", "8"))
    # 20,000 draws: four standard deviations of a share of .1 are .0085
    assert abs(one.mean() - 0.1) < 0.0085
    assert abs((one & other).mean() - 0.01) < 0.003


def test_a_share_of_nothing_is_nobody_and_one_of_everything_everybody() -> None:
    assert not of_canary(TRIALS, canary="7", share=0.0).any()
    assert of_canary(TRIALS, canary="7", share=1.0).all()
    assert of_canary(np.array([], dtype=object), canary="7", share=0.5).tolist() == []

from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.acts import act_shares, acts_by_chance, delay, depth, minutes_of_use
from churn_pipeline.capabilities.simulation.catalogue import ACTS, SECTORS
from churn_pipeline_tests.businesses import people


def test_shares_are_those_of_a_trial_and_end_in_one() -> None:
    population, _ = people()
    shares = act_shares(population)
    assert shares.shape == (len(population), len(ACTS))
    assert np.all(np.diff(shares, axis=1) > 0)
    assert shares[:, -1] == pytest.approx(1)


def test_acts_are_drawn_in_their_shares() -> None:
    population, _ = people()
    shares = act_shares(population)
    drawn = acts_by_chance(shares, np.full(100_000, 17), np.random.default_rng(1).random(100_000))
    seen = np.bincount(drawn, minlength=len(ACTS)) / 100_000
    # four standard errors of a share of a fifth
    assert np.abs(seen - np.diff(shares[17], prepend=0)).max() < 0.0051


def test_a_sector_uses_what_it_likes_more_than_others_do() -> None:
    population, _ = people()
    shares = np.diff(act_shares(population), axis=1, prepend=0)
    place = [act.name for act in ACTS].index("imports")
    likes = population.sector == [sector.likes for sector in SECTORS].index("imports")
    assert shares[likes, place].mean() > 1.5 * shares[~likes, place].mean()


def test_who_wants_more_does_more_in_a_visit() -> None:
    population, _ = people()
    assert np.corrcoef(depth(population), population.intent + population.fit)[0, 1] > 0.9


def test_minutes_are_to_a_tenth_and_mostly_a_few() -> None:
    minutes = minutes_of_use(np.random.default_rng(1).standard_normal(10_000))
    assert np.array_equal(minutes, minutes.round(1))
    assert 1.8 < np.median(minutes) < 2.2


def test_the_late_are_heard_of_within_two_days_and_the_others_within_a_minute() -> None:
    u = np.linspace(0, 1, 1_001)[:-1]
    late, usual = delay(np.ones(1_000, bool), u), delay(np.zeros(1_000, bool), u)
    assert 120_000 <= late.min() < late.max() < 48 * 3_600_000
    assert 1_000 <= usual.min() < usual.max() <= 61_000

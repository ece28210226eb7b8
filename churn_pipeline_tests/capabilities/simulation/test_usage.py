from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from churn_pipeline.capabilities.simulation.calendar import DAY, EPOCH, Floats, Whole, weekday
from churn_pipeline.capabilities.simulation.catalogue import SECTORS
from churn_pipeline.capabilities.simulation.drift import LOST_FEATURE, Drift
from churn_pipeline.capabilities.simulation.usage import (
    ACCEPTED,
    EVENTS,
    INVITE_SENT,
    LOGIN,
    NOBODY,
    STEPS,
    Usage,
)
from churn_pipeline.capabilities.simulation.visits import AFTER_DAYS
from churn_pipeline_tests.businesses import auc, business, people


@cache
def usage() -> Usage:
    """What happens where nobody is touched."""
    _, outcome = people()
    drawn = business().usage
    return drawn.only(drawn.happens(outcome))


def counts(until_day: int, of: Whole | None = None) -> Floats:
    """Events of each trial until the midnight of its day."""
    population, _ = people()
    used = usage()
    seen = used.received // DAY < population.started[used.trial] // DAY + until_day
    kind = np.isin(used.event, of) if of is not None else True
    return np.bincount(used.trial[seen & kind], minlength=len(population)).astype(float)


def test_usage_reveals_who_will_convert_more_with_every_week() -> None:
    _, outcome = people()
    early, middle, late = (auc(outcome.converted, counts(day)) for day in (1, 5, 14))
    assert 0.5 < early < 0.62
    assert early + 0.05 < middle
    assert middle + 0.03 < late
    assert late > 0.77


def test_usage_is_heavy_on_few_and_light_on_many() -> None:
    events = counts(40)
    assert 30 < events.mean() < 50
    assert np.median(events) < events.mean() / 1.8
    assert (events <= 3).mean() > 0.1
    assert (events == 0).mean() > 0.01


def test_every_hidden_trait_shows_in_what_is_done() -> None:
    population, _ = people()
    total = counts(14) + 1
    shares = {
        name: counts(14, np.array([EVENTS.index(name)])) / total for name in ("automations", "invite_sent", "templates")
    }
    busy = total > 20
    assert np.corrcoef(population.fit[busy], shares["automations"][busy])[0, 1] > 0.3
    assert np.corrcoef(population.fit[busy], shares["templates"][busy])[0, 1] < -0.3
    assert np.corrcoef(population.team[busy], shares["invite_sent"][busy])[0, 1] > 0.3
    assert np.corrcoef(population.intent, np.log(total))[0, 1] > 0.6


def test_weekends_are_quiet_in_finance_and_busy_in_retail() -> None:
    population, _ = people()
    used = usage()
    weekend = weekday(used.occurred // DAY) >= 5
    sector = population.sector[used.trial]
    share = {s.name: weekend[sector == place].mean() for place, s in enumerate(SECTORS)}
    assert share["finance"] < 0.09
    assert share["retail"] > 0.17


def test_three_in_a_hundred_events_arrive_late_by_up_to_two_days() -> None:
    delay = usage().received - usage().occurred
    late = delay > 120_000
    assert late.mean() == pytest.approx(0.03, abs=0.003)
    assert delay.min() > 0
    assert delay.max() <= 2 * DAY


def test_events_come_in_the_order_in_which_they_were_received() -> None:
    assert np.all(np.diff(usage().received) >= 0)


def test_nothing_happens_before_the_trial_or_long_after_it() -> None:
    population, _ = people()
    used = usage()
    assert np.all(used.occurred > population.started[used.trial])
    assert np.all(used.occurred < population.ends[used.trial] + (AFTER_DAYS + 1) * DAY)


def test_after_the_end_those_who_bought_go_on_and_the_others_hardly_come() -> None:
    population, outcome = people()
    used = usage()
    after = used.occurred > population.ends[used.trial] + DAY
    per_trial = np.bincount(used.trial[after], minlength=len(population))
    assert per_trial[outcome.converted].mean() > 5 * per_trial[~outcome.converted].mean()


def test_every_visit_begins_with_one_login_of_one_user() -> None:
    used = usage()
    visited = used.visit != NOBODY
    order = np.lexsort((used.occurred[visited], used.visit[visited]))
    visit, event, user = (array[visited][order] for array in (used.visit, used.event, used.user))
    first = np.flatnonzero(np.diff(visit, prepend=-1))
    assert np.all(event[first] == LOGIN)
    assert np.sum(event == LOGIN) == len(first)
    assert np.all(user == np.repeat(user[first], np.diff(first, append=len(visit))))


def test_teammates_join_by_invite_and_act_only_after_they_joined() -> None:
    used = usage()
    joins = used.event == ACCEPTED
    joined = dict(zip(zip(used.trial[joins], used.user[joins], strict=True), used.occurred[joins], strict=True))
    assert len(joined) == joins.sum() < np.sum(used.event == INVITE_SENT)
    mates = np.flatnonzero((used.user > 0) & (used.event == LOGIN))
    assert len(mates) > 1_000
    assert all(joined[used.trial[i], used.user[i]] <= used.occurred[i] for i in mates)


def test_only_the_use_of_a_feature_takes_minutes() -> None:
    used = usage()
    feature = ~np.isin(
        used.event,
        [EVENTS.index(n) for n in ("login", "invite_sent", "invite_accepted", "help_opened", "billing_viewed")],
    )
    assert np.array_equal(np.isfinite(used.value), feature)
    assert used.value[feature].min() >= 0


def test_what_becomes_of_a_trial_changes_nothing_it_does_before_its_end() -> None:
    population, outcome = people()
    drawn = business().usage
    nobody_buys = replace(outcome, converted_at=np.full(len(population), np.iinfo(np.int64).max))
    other = drawn.only(drawn.happens(nobody_buys))
    gone = np.setdiff1d(usage().number, other.number)
    assert len(gone) > 1_000
    assert np.isin(other.number, usage().number).all()
    of = usage().only(np.isin(usage().number, gone))
    assert np.all(of.occurred >= population.ends[of.trial])


def test_where_the_order_of_steps_decides_counts_say_nothing_and_pairs_of_steps_do() -> None:
    drawn = business(outcome="order_of_steps")
    population, outcome = people(outcome="order_of_steps")
    used = drawn.usage
    used = used.only(used.received // DAY < population.start_day[used.trial] + 14)
    n = len(population)
    order = np.lexsort((used.occurred, used.visit))
    trial, visit, event = used.trial[order], used.visit[order], used.event[order]
    together = (visit[1:] == visit[:-1]) & (visit[1:] != NOBODY)
    one, other = (
        np.bincount(trial[1:][together & (event[:-1] == first) & (event[1:] == second)], minlength=n)
        for first, second in (STEPS, STEPS[::-1])
    )
    assert auc(outcome.converted, one - other) > 0.8
    everything = np.bincount(trial, minlength=n)
    steps = [np.bincount(trial[event == step], minlength=n) for step in (*STEPS, LOGIN)]
    last = np.zeros(n, np.int64)
    np.maximum.at(last, used.trial, used.occurred - population.started[used.trial])
    # four standard errors of an AUC of 8,000 trials
    assert all(abs(auc(outcome.converted, count) - 0.5) < 0.03 for count in (everything, *steps, last))


def test_a_loss_of_tracking_hides_one_feature_from_its_day_on() -> None:
    drift = Drift("tracking_loss", date(2026, 4, 1), 1.0)
    used = business(drifts=(drift,)).usage
    later = used.occurred // DAY >= (drift.start - EPOCH).days
    lost = used.event == EVENTS.index(LOST_FEATURE)
    assert lost[~later].mean() > 0.07
    assert lost[later].sum() == 0

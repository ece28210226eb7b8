from __future__ import annotations

import numpy as np

from churn_pipeline.capabilities.simulation.calendar import ALWAYS, DAY, NEVER
from churn_pipeline.capabilities.simulation.response import BEYOND, draw_response
from churn_pipeline.capabilities.simulation.touches import EXTENSION_DAYS, KIND, Touches, usual_touch
from churn_pipeline.capabilities.simulation.usage import LOGIN, Usage
from churn_pipeline_tests.businesses import business

EVER = (ALWAYS, NEVER)


def response(touches: Touches, window: tuple[int, int] = EVER) -> Usage:
    drawn = business()
    return draw_response(drawn.parameters, drawn.population, drawn.act_shares, touches, window)


def test_a_touch_brings_visits_after_it_and_within_the_trial() -> None:
    people = business().population
    touches = usual_touch(people, KIND["email"])
    found = response(touches)
    assert len(np.unique(found.visit)) > 1_000
    assert np.all(found.occurred >= touches.sent[found.trial])
    assert np.all(found.occurred < people.ends[found.trial] + DAY // 2)
    first = np.unique(found.visit, return_index=True)[1]
    assert np.all(found.event[first] == LOGIN)
    assert np.sum(found.event == LOGIN) == len(first)


def test_an_extension_brings_visits_in_the_days_it_adds() -> None:
    people = business().population
    found = response(usual_touch(people, KIND["extension"]))
    since = (found.occurred - people.ends[found.trial]) / DAY
    assert since.min() >= 0
    assert 0.4 * EXTENSION_DAYS < since.mean() < 0.6 * EXTENSION_DAYS


def test_what_a_touch_brings_depends_on_no_other_touch() -> None:
    everybody = usual_touch(business().population, KIND["nudge"])
    whole, part = response(everybody), response(everybody.only(np.arange(0, 8_000, 7)))
    of_part = whole.only(np.isin(whole.trial, np.arange(0, 8_000, 7)))
    assert all(
        np.array_equal(getattr(part, name), getattr(of_part, name), equal_nan=name == "value")
        for name in Usage.__slots__
    )


def test_no_number_is_that_of_another_event() -> None:
    found = response(usual_touch(business().population, KIND["cs_call"]))
    assert len(np.unique(found.number)) == len(found.number)
    assert found.number.min() >= BEYOND > business().usage.number.max()


def test_who_likes_to_be_contacted_comes_more_often() -> None:
    people = business().population
    found = response(usual_touch(people, KIND["cs_call"]))
    visits = np.bincount(found.trial[found.event == LOGIN], minlength=len(people))
    assert np.corrcoef(visits, people.openness)[0, 1] > 0.1

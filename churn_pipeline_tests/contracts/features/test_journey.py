from __future__ import annotations

from datetime import timedelta

import pytest

from churn_pipeline_tests.looks import START, event, features
from churn_pipeline_tests.worlds import Row


def step(minutes: float, name: str, *, session: str = "s", late: float = 0) -> Row:
    """A product feature used so many minutes after the start, known `late` minutes later."""
    at = START + timedelta(minutes=minutes)
    return event(0, occurred_at=at, received_at=at + timedelta(minutes=late), feature=name, session_id=session)


def test_the_journey_has_a_first_and_a_last_step() -> None:
    found = features([step(0, "invite"), step(1, "report"), step(2, "invite")])
    assert (found["first_step"], found["last_step"], found["steps_taken"]) == ("invite", "invite", 2)
    assert features([event(0)])["first_step"] == "login"
    assert features()["last_step"] is None


def test_moves_go_from_one_step_to_the_next_within_a_visit() -> None:
    found = features([step(0, "a"), step(5, "b"), step(6, "a"), step(7, "b", session="other")])
    assert dict(found["transitions"]) == {"a > b": 1, "b > a": 1}
    assert found["minutes_between_steps"] == 3
    assert found["moves_evenness"] == pytest.approx(0.693147)


def test_a_late_event_changes_no_move_that_was_known_before_it() -> None:
    on_time = [step(0, "a"), step(10, "b")]
    assert dict(features(on_time)["transitions"]) == {"a > b": 1}
    found = features([*on_time, step(5, "late", late=60)])
    assert dict(found["transitions"]) == {"a > b": 1, "b > late": 1}


def test_of_very_many_moves_the_commonest_are_kept_and_ties_go_by_name() -> None:
    walk = [step(minute, f"f{minute:02d}") for minute in range(40)]
    found = features([*walk, step(50, "f38"), step(51, "f39")])["transitions"]
    assert len(found) == 30
    assert found[0] == ("f00 > f01", 1)
    assert ("f38 > f39", 2) in found


def test_the_time_between_new_steps_is_the_mean_of_the_gaps() -> None:
    assert features([step(0, "a"), step(60, "b"), step(180, "c"), step(999, "a")])["hours_between_new_steps"] == 1.5


def test_where_visits_are_not_known_no_moves_are() -> None:
    found = features([event(0, feature="a"), event(0.01, feature="b")])
    assert (found["transitions"], found["minutes_between_steps"]) == (None, None)
    assert found["steps_taken"] == 2

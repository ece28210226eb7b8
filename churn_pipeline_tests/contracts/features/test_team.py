from __future__ import annotations

from churn_pipeline_tests.looks import event, features


def test_people_are_counted_once_each() -> None:
    found = features([event(0, user_id="u1"), event(0.1, user_id="u2"), event(9, user_id="u1")])
    assert (found["users_total"], found["users_7d"]) == (2, 1)


def test_nobody_is_not_a_person() -> None:
    assert features([event(0)])["users_total"] == 0


def test_who_comes_after_the_first_day_has_joined_later() -> None:
    found = features(
        [event(0, user_id="u1"), event(0.9, user_id="u2"), event(1.1, user_id="u3"), event(2, user_id="u1")]
    )
    assert found["users_joined_later"] == 1
    assert (found["main_user_share"], found["team_concentration"]) == (0.5, 0.375)

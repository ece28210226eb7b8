from __future__ import annotations

import pytest

from churn_pipeline_tests.looks import event, features


def test_features_and_sessions_are_counted_once_each() -> None:
    found = features(
        [
            event(0, feature="reports", session_id="s1", user_id="u1"),
            event(0.1, feature="reports", session_id="s1", user_id="u2"),
            event(9, feature="api", session_id="s2", user_id="u1", event_name="export"),
        ]
    )
    assert (found["features_used"], found["features_used_3d"], found["kinds_of_events"]) == (2, 1, 2)
    assert (found["sessions_total"], found["sessions_7d"]) == (2, 1)


def test_what_is_not_named_is_not_counted() -> None:
    found = features([event(0)])
    assert (found["features_used"], found["sessions_total"]) == (0, 0)


def test_each_name_has_its_own_count_whatever_stands_in_it() -> None:
    odd = "it's {odd}"
    found = features([event(0, feature=odd), event(1, feature=odd), event(2, event_name="invite_sent")])
    assert dict(found["uses_by_feature"]) == {odd: 2}
    assert dict(found["events_by_name"]) == {"login": 2, "invite_sent": 1}


def test_without_events_there_are_no_counts() -> None:
    assert features()["events_by_name"] is None


def test_new_features_are_those_first_used_in_the_last_three_days() -> None:
    found = features([event(0, feature="a"), event(8, feature="a"), event(8.1, feature="b")])
    assert found["features_new_3d"] == 1
    assert found["hours_between_new_features"] == pytest.approx(24 * 8.1)
    assert found["main_feature_share"] == pytest.approx(2 / 3)


def test_a_visit_has_a_length_and_a_depth() -> None:
    found = features([event(0, session_id="s"), event(0.5 / 24, session_id="s"), event(1, session_id="t")])
    assert (found["events_per_session"], found["session_minutes"], found["bounced_share"]) == (1.5, 15, 0.5)

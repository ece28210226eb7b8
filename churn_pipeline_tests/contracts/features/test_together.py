from __future__ import annotations

from churn_pipeline_tests.looks import event, features


def test_features_used_in_one_visit_are_used_together() -> None:
    found = features(
        [
            event(0, feature="a", session_id="s"),
            event(0.01, feature="b", session_id="s"),
            event(0.02, feature="b", session_id="s"),
            event(1, feature="a", session_id="t"),
            event(1.01, feature="c", session_id="t"),
            event(1.02, feature="b", session_id="t"),
            event(2, feature="a", session_id="u"),
        ]
    )
    assert dict(found["pairs_together"]) == {"a + b": 2, "a + c": 1, "b + c": 1}
    assert found["pairs_used"] == 3
    assert found["features_per_visit"] == 2


def test_where_visits_are_not_known_a_day_is_one() -> None:
    found = features([event(0, feature="a"), event(0.1, feature="b"), event(1, feature="c")])
    assert dict(found["pairs_together"]) == {"a + b": 1}


def test_a_visit_with_very_many_features_does_not_explode() -> None:
    found = features([event(0.001 * n, feature=f"f{n:02d}", session_id="s") for n in range(40)])
    assert (found["pairs_used"], found["features_per_visit"]) == (66, 12)

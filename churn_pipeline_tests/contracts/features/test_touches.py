from __future__ import annotations

from datetime import timedelta

from churn_pipeline_tests.looks import MIDNIGHT, features


def test_touches_are_counted_and_dated() -> None:
    sent = [{"sent_at": MIDNIGHT}, {"sent_at": MIDNIGHT + timedelta(days=8)}, {"sent_at": MIDNIGHT + timedelta(days=9)}]
    found = features(touches=sent, day=10)
    assert (found["touches_total"], found["hours_since_last_touch"]) == (2, 24)
    assert found["touches_3d"] == 1
    assert dict(found["touches_by_kind"]) == {"email": 2}
    assert features()["hours_since_last_touch"] is None

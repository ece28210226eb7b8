from __future__ import annotations

from datetime import UTC, datetime

from churn_pipeline.orchestration.clock import Clock


def test_the_clock_tells_this_moment_in_utc() -> None:
    before = datetime.now(UTC)
    now = Clock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC

from __future__ import annotations

from churn_pipeline.adapters.sources.reading import Reading, SourceFile
from churn_pipeline.contracts.raw import TRIALS


def test_a_reading_tells_what_may_not_and_what_may_be_missing() -> None:
    reading = Reading(TRIALS, "v", (SourceFile("trials.csv", 1, 0, ("trial_id",)),), ("trial_id", "plan"))
    assert reading.present
    assert reading.missing == ("account_id", "started_at", "trial_days")
    assert "plan" not in reading.absent
    assert "sector" in reading.absent

"""Columns and types that several tables share."""

from __future__ import annotations

from churn_pipeline.contracts.raw import ID
from churn_pipeline.contracts.spec import Column, Instant, Privacy, Text

LABEL = Text(low=1, high=200)
SENTENCE = Text(high=2000)

AS_OF = Column("as_of", Instant(), "The moment the trial was looked at; midnight UTC in batch.")
DAY = Column("as_of", Instant(), "The day the figures belong to: only what was known before this midnight UTC counts.")
TRIAL = Column("trial_id", ID, "The trial.", privacy=Privacy.PSEUDONYM)
RUN = Column("run_id", LABEL, "The run that wrote the row.")

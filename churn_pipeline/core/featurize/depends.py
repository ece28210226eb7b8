"""What a look may depend on, declared: by it looks at the past that have been computed are known to hold still.

A look knows what became known before it. Of which records, of which trials and since when is said here for every raw table
that the features read; a feature that reads more than is said would go on showing what it knew when it was first computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from churn_pipeline.contracts.raw import ASSIGNMENTS, EVENTS, INDICATORS, TOUCHES, TRIALS
from churn_pipeline.contracts.spec import Table
from churn_pipeline.core.featurize.peers import WEEKS

Partitions = Mapping[tuple[date, int], str]
"""The partitions of a raw table (day known, bucket of trials), each with its state."""
NO_BUCKET = -1
"""Bucket of what is no record of a single trial: only what is `of_all` depends on it."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Looks read records of `table` that became known before them.

    Those of the trials that are looked at, from the day on which these start; where `of_all`, those of any trial or of
    none; from `days_before` that day (None: from ever).
    """

    table: Table
    of_all: bool = False
    days_before: int | None = 0

    def states(self, partitions: Partitions, *, since: date, until: date, bucket: int) -> Iterable[str]:
        """The partitions that looks before `until` at trials of a bucket that start from `since` on read, with their state."""
        first = date.min if self.days_before is None else since - timedelta(days=self.days_before)
        for (day, of), state in sorted(partitions.items()):
            if first <= day < until and (self.of_all or of == bucket):
                yield f"{self.table.name} {day} {of} {state}"


DEPENDS_ON = (
    # those of peers, who started up to four whole weeks before the week of the start
    Dependence(TRIALS, of_all=True, days_before=7 * (WEEKS + 1)),
    Dependence(EVENTS, of_all=True, days_before=7 * (WEEKS + 1)),
    Dependence(INDICATORS, of_all=True, days_before=None),
    Dependence(TOUCHES),
    # an arm may be drawn before the trial starts
    Dependence(ASSIGNMENTS, days_before=None),
)

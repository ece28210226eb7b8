"""Which trials are looked at, as of when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from churn_pipeline.contracts.raw import TRIALS

ATTRIBUTES = tuple(name for name in TRIALS.names if name not in (*TRIALS.fixed, TRIALS.versioned_by))
"""Columns of a trial that may change while it runs."""
VERSION_AT = "coalesce(updated_at, started_at)"
# of two versions of one moment the one that says no counts
WITHDRAWN = (
    "select trial_id from (select trial_id, consent_profiling from trials_history qualify row_number() over "
    f"(partition by trial_id order by {VERSION_AT} desc, coalesce(consent_profiling, true)) = 1) "
    "where consent_profiling = false"
)


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks at trials: `query` is SQL that gives trial_id and as_of.

    Looks at one trial lie whole days apart; `after` names how many days after the first one they may lie.
    """

    query: str
    after: tuple[int, ...] = (0,)


def landmark_looks(landmarks: Sequence[int], until: str) -> Looks:
    """Every trial at its landmark days, as far as they lie not after the instant `until` (a SQL expression).

    Label-blind: which days a trial is looked at depends on its start and planned length alone.
    """
    days = sorted(set(landmarks))
    query = (
        "select trial_id, date_trunc('day', started_at) + day * interval 1 day as as_of "
        f"from trials cross join (values {', '.join(f'({day})' for day in days)}) as landmark(day) "
        f"where day <= trial_days and date_trunc('day', started_at) + day * interval 1 day <= {until}"
    )
    return Looks(query, tuple(day - days[0] for day in days))


def running_looks(as_of: str) -> Looks:
    """Every trial that runs at the instant `as_of` (a SQL expression), has not converted and may be profiled.

    Consent counts as it stands today, also when a past day is scored again: who withdrew it is not profiled any more.
    `trials_history` gives every version of every trial.
    """
    return Looks(
        f"select trial_id, {as_of} as as_of from trials "
        f"where started_at < {as_of} "
        f"and date_diff('day', cast(started_at as date), cast({as_of} as date)) <= trial_days "
        f"and trial_id not in (select trial_id from subscriptions where started_at < {as_of}) "
        f"and trial_id not in ({WITHDRAWN})"
    )


def reached_query(looks: Looks) -> str:
    """SQL: after, started: the days after the first look that any trial reaches, each with the earliest start among them."""
    return (
        "select date_diff('day', first_look, as_of) as after, min(started) from (select as_of, "
        "min(as_of) over (partition by trial_id) as first_look, cast(started_at as date) as started "
        f"from ({looks.query}) join trials using (trial_id)) group by after order by after"
    )

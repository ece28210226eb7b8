"""The ledger of promotions: who was champion (canary, challenger) from when, by which verdict. Only ever appended to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Role = Literal["champion", "canary", "challenger"]
By = Literal["gate", "person", "rollback", "rollout"]


class LedgerError(Exception):
    """The ledger does not hold what was asked for."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One entry: from `from_as_of` on the model holds the role, until a later entry of the role begins.

    `share` is that of the trials which a canary scores; 0 takes the role from it. None for other roles.
    """

    promotion_id: str
    role: Role
    model_version: str
    from_as_of: datetime
    share: float | None
    replaced: str | None
    by: By
    verdict: str
    decided_at: datetime
    run_id: str

    def row(self) -> dict[str, Any]:
        """The entry as a row of `model_promotions`."""
        return asdict(self)


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[Promotion, ...]:
    """The ledger from rows of `model_promotions`, in the order in which it holds.

    Of entries that begin on one day the one decided last comes last.
    """
    entries = (Promotion(**row) for row in rows)
    return tuple(sorted(entries, key=lambda entry: (entry.from_as_of, entry.decided_at, entry.promotion_id)))


def in_force(ledger: Sequence[Promotion], day: datetime, *, role: Role = "champion") -> Promotion | None:
    """The entry that holds on a day; None before the first one began."""
    begun = [entry for entry in ledger if entry.role == role and entry.from_as_of <= day]
    return begun[-1] if begun else None


def production_on(ledger: Sequence[Promotion], day: datetime) -> str | None:
    """Which model was champion on a day; None before the first promotion."""
    entry = in_force(ledger, day)
    return entry.model_version if entry else None


@dataclass(frozen=True, slots=True)
class Canary:
    """A model on trial in production: the share of the trials that it scores, the first day of that step, and of its trial."""

    model_version: str
    share: float
    step_from: datetime
    since: datetime


def canary_on(ledger: Sequence[Promotion], day: datetime) -> Canary | None:
    """The model on trial on a day. A rollout ends when its share becomes 0 and with every change of the champion."""
    canary: Canary | None = None
    for past in ledger:
        if past.from_as_of > day or past.role == "challenger":
            continue
        if past.role == "champion" or not past.share:
            canary = None
        else:
            same = canary is not None and canary.model_version == past.model_version
            since = canary.since if canary is not None and same else past.from_as_of
            canary = Canary(past.model_version, past.share, past.from_as_of, since)
    return canary


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which model scores a day, what a reader of those scores must know (empty: nothing special), who may step in, one after the other (the champions before it), and who is on trial."""

    model_version: str | None
    note: str = ""
    before: tuple[str, ...] = ()
    canary: Canary | None = None


def scores_day(ledger: Sequence[Promotion], day: datetime) -> Scoring:
    """Which model scores a day: its champion; for a day before the first promotion the newest champion, with a note.

    Features of a past day are as they were known then, but a model that came later has learned from what came later:
    such scores describe and must not be taken for a record of what would have been predicted.
    """
    then = production_on(ledger, day)
    if then is not None:
        return Scoring(then, before=_earlier(ledger, day), canary=canary_on(ledger, day))
    champions = [entry for entry in ledger if entry.role == "champion"]
    if not champions:
        return Scoring(None)
    newest = champions[-1]
    return Scoring(
        newest.model_version,
        f"scored afterwards: no model was in production yet, so model {newest.model_version}, "
        f"champion since {newest.from_as_of:%Y-%m-%d}, scored this day",
    )


def entry(
    ledger: Sequence[Promotion],
    version: str,
    *,
    from_as_of: datetime,
    by: By,
    verdict: str,
    decided_at: datetime,
    run_id: str,
    role: Role = "champion",
    share: float | None = None,
) -> Promotion | None:
    """The entry that makes `version` hold the role (a canary with that share) from a day on; None if that is so already."""
    holds = _holds(ledger, from_as_of, role)
    if holds == (version, share) or (role == "canary" and holds is None and not share):
        return None
    place = sum(entry.role == role for entry in ledger) + 1
    return Promotion(
        promotion_id=f"{role}-{place:04d}-model-{version}",
        role=role,
        model_version=version,
        from_as_of=from_as_of,
        share=share,
        replaced=holds[0] if holds and holds[0] != version else None,
        by=by,
        verdict=verdict,
        decided_at=decided_at,
        run_id=run_id,
    )


def _holds(ledger: Sequence[Promotion], day: datetime, role: Role) -> tuple[str, float | None] | None:
    """The version that has a role on a day, and its share."""
    if role == "canary":
        canary = canary_on(ledger, day)
        return (canary.model_version, canary.share) if canary else None
    entry = in_force(ledger, day, role=role)
    return (entry.model_version, entry.share) if entry else None


def taken_back(ledger: Sequence[Promotion], version: str) -> Promotion | None:
    """The entry by which a version lost production to a person, or to its own rollout; None if it is in it, never was, or lost to a better one.

    Such a decision stands until a person gives the role back: the gate would find the same verdict again.
    """
    last = _last_about(ledger, version)
    if last is None:
        return None
    if last.role == "canary":
        return None if last.share else last
    return last if last.replaced == version and last.by not in ("gate", "rollout") else None


def _last_about(ledger: Sequence[Promotion], version: str) -> Promotion | None:
    """The last entry that gave a version a part in production, or took it."""
    about = (
        e
        for e in reversed(ledger)
        if e.role != "challenger" and (e.model_version == version or (e.role == "champion" and e.replaced == version))
    )
    return next(about, None)


def refuse_earlier(ledger: Sequence[Promotion], day: datetime) -> None:
    """Refuse a day on which a decision taken now would be overruled later by one that was taken before.

    Raises:
        LedgerError: the last champion, or the last step of a rollout, begins after the day.
    """
    later = [entry for entry in ledger if entry.role != "challenger" and entry.from_as_of > day]
    if later:
        last = later[-1]
        raise LedgerError(
            f"nothing can be changed from {day:%Y-%m-%d} on: model {last.model_version} is {last.role} from "
            f"{last.from_as_of:%Y-%m-%d} on and would stay it.\n"
            f"  allowed: {last.from_as_of:%Y-%m-%d} and later\n"
            f"  do:      name such a day: --as-of {last.from_as_of:%Y-%m-%d}"
        )


def refuse_foresight(version: str, day: datetime, *, trained_as_of: datetime) -> None:
    """Refuse a day whose scores a model would give that has learnt from what came after it.

    Raises:
        LedgerError: the model was trained as of a later day.
    """
    if trained_as_of > day:
        raise LedgerError(
            f"model {version} cannot score from {day:%Y-%m-%d} on: it has learnt from what was known on "
            f"{trained_as_of:%Y-%m-%d}, and the scores of the days between would be taken for predictions.\n"
            f"  allowed: {trained_as_of:%Y-%m-%d} and later\n"
            f"  do:      name such a day: --as-of {trained_as_of:%Y-%m-%d}"
        )


def before(ledger: Sequence[Promotion], day: datetime) -> str:
    """The champion to go back to on a day: the one that today's replaced. Going back again goes one further back.

    One that was rolled back or taken off a trial since is passed over: it was not good enough.

    Raises:
        LedgerError: nobody is champion, or nobody was before.
    """
    found = _earlier(ledger, day)
    if not found:
        reign = _reign(ledger, day)
        holds = (
            "nobody is champion"
            if not reign
            else f"model {reign[0]} is the first champion"
            if len(reign) == 1
            else f"model {reign[-1]} is champion, and who was before was rolled back or taken off a trial since"
        )
        raise LedgerError(
            f"there is no model to go back to on {day:%Y-%m-%d}: {holds}.\n"
            "  do: promote a model by name: churn model list, then churn model promote VERSION"
        )
    return found[0]


def _reign(ledger: Sequence[Promotion], day: datetime) -> list[str]:
    """The champions up to a day, the last one its own; those that a rollback went back over are not among them."""
    reign: list[str] = []
    for past in ledger:
        if past.role != "champion" or past.from_as_of > day:
            continue
        if past.by == "rollback" and past.model_version in reign:
            while reign[-1] != past.model_version:
                reign.pop()
        else:
            reign.append(past.model_version)
    return reign


def _earlier(ledger: Sequence[Promotion], day: datetime) -> tuple[str, ...]:
    """The champions before that of a day, each once, the newest first; without those that were taken off since."""
    reign = dict.fromkeys(reversed(_reign(ledger, day)))
    return tuple(version for version in list(reign)[1:] if not _taken_off(ledger, version, day))


def _taken_off(ledger: Sequence[Promotion], version: str, day: datetime) -> bool:
    """Whether the last that was decided about a version by the day rolled it back, or took it off a trial."""
    last = _last_about([entry for entry in ledger if entry.from_as_of <= day], version)
    if last is None:
        return False
    return not last.share if last.role == "canary" else last.by == "rollback" and last.replaced == version

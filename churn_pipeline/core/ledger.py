"""The ledger of promotions: who was champion (canary, challenger) from when, by which verdict. Only ever appended to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Role = Literal["champion", "canary", "challenger"]
By = Literal["gate", "person", "rollback"]


class LedgerError(Exception):
    """The ledger does not hold what was asked for."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One entry: from `from_as_of` on the model holds the role, until a later entry of the role begins."""

    promotion_id: str
    role: Role
    model_version: str
    from_as_of: datetime
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
class Scoring:
    """Which model scores a day, what a reader of those scores must know (empty: nothing special), and who may step in: the champion before it."""

    model_version: str | None
    note: str = ""
    before: str | None = None


def scores_day(ledger: Sequence[Promotion], day: datetime) -> Scoring:
    """Which model scores a day: its champion; for a day before the first promotion the newest champion, with a note.

    Features of a past day are as they were known then, but a model that came later has learned from what came later:
    such scores describe and must not be taken for a record of what would have been predicted.
    """
    then = production_on(ledger, day)
    if then is not None:
        return Scoring(then, before=_before(_reign(ledger, day)))
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
) -> Promotion | None:
    """The entry that makes `version` hold the role from a day on; None if it holds it then already."""
    holds = in_force(ledger, from_as_of, role=role)
    if holds is not None and holds.model_version == version:
        return None
    place = sum(entry.role == role for entry in ledger) + 1
    return Promotion(
        promotion_id=f"{role}-{place:04d}-model-{version}",
        role=role,
        model_version=version,
        from_as_of=from_as_of,
        replaced=holds.model_version if holds else None,
        by=by,
        verdict=verdict,
        decided_at=decided_at,
        run_id=run_id,
    )


def taken_back(ledger: Sequence[Promotion], version: str) -> Promotion | None:
    """The entry by which a person took the role of champion from a version; None if it holds it, never did, or lost it to the gate.

    Such a decision stands until a person gives the role back: the gate would find the same verdict again.
    """
    touched = [e for e in ledger if e.role == "champion" and version in (e.model_version, e.replaced)]
    last = touched[-1] if touched else None
    return last if last is not None and last.replaced == version and last.by != "gate" else None


def refuse_earlier(ledger: Sequence[Promotion], day: datetime) -> None:
    """Refuse a day on which a decision taken now would be overruled later by one that was taken before.

    Raises:
        LedgerError: the last champion begins after the day.
    """
    champions = [entry for entry in ledger if entry.role == "champion"]
    if champions and champions[-1].from_as_of > day:
        last = champions[-1]
        raise LedgerError(
            f"the champion cannot be changed from {day:%Y-%m-%d} on: model {last.model_version} is champion from "
            f"{last.from_as_of:%Y-%m-%d} on and would stay it, so nothing would change.\n"
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
            f"model {version} cannot be champion from {day:%Y-%m-%d} on: it has learnt from what was known on "
            f"{trained_as_of:%Y-%m-%d}, and the scores of the days between would be taken for predictions.\n"
            f"  allowed: {trained_as_of:%Y-%m-%d} and later\n"
            f"  do:      name such a day: --as-of {trained_as_of:%Y-%m-%d}"
        )


def before(ledger: Sequence[Promotion], day: datetime) -> str:
    """The champion to go back to on a day: the one that today's replaced. Going back again goes one further back.

    Raises:
        LedgerError: nobody is champion, or nobody was before.
    """
    reign = _reign(ledger, day)
    found = _before(reign)
    if found is None:
        holds = f"model {reign[0]} is the first champion" if reign else "nobody is champion"
        raise LedgerError(
            f"there is no model to go back to on {day:%Y-%m-%d}: {holds}.\n"
            "  do: promote a model by name: churn model list, then churn model promote VERSION"
        )
    return found


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


def _before(reign: Sequence[str]) -> str | None:
    return reign[-2] if len(reign) > 1 else None

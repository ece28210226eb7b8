"""A guess at the mapping of an unknown source: by names, by what the values are, and by which tables share ids.

Each column of the contract takes the column of the source that fits best: the name says most (synonyms of the field), what
the values can be read as must not contradict it, keys must (nearly) name their rows, and the column that refers to the trial must hold ids
of trials. What rests on little is marked as unsure; nothing is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import floor

from churn_pipeline.contracts.raw import EVENTS, SUBSCRIPTIONS, TRIALS
from churn_pipeline.contracts.spec import Column, Flag, Instant, Integer, Json, Money, Real, Table, Text

GUESSED = (TRIALS, EVENTS, SUBSCRIPTIONS)
SURE = 0.8
"""Below it a choice is marked as unsure."""
LEAST = 0.5
"""Below it nothing is chosen."""
LEAST_OF_TABLE = 0.4
ALMOST = 0.99
"""Share of different values, and of filled rows, from which on a column can be a key: a few rows are always dirty."""
FEW = 20
"""So few different values may all be different, and still be names."""
OF_KEYS = {"id", "no", "nr", "num", "number", "key", "ref", "code", "uuid", "guid"}
"""Last words of the names of columns that number or name things."""
MOST_WORDS = 500
"""Different names of events that a product may have."""
DAYS = 14
"""Planned length that is written where no column says one."""

TABLE_WORDS = {
    "trials": "trial trials signup signups organization organisation organizations orgs org account accounts workspace tenant customer customers lead",
    "events": "event events usage activity activities log logs action actions track tracking touch touches funnel hit interaction",
    "subscriptions": "subscription subscriptions plan conversion conversions payment payments order orders purchase purchases deal contract paid",
}
SYNONYMS = {
    "trial_id": "trial_id trial signup_id org_id organization_id organisation_id workspace_id tenant_id account_id customer_id",
    "account_id": "account_id account company_id org_id organization_id organisation_id customer_id client_id company workspace_id",
    "started_at": "started_at start begin begun trial_start signup_at signed_up signup_date created_at created start_date registered_at activated_at",
    "trial_days": "trial_days trial_length length_days duration_days days period_days",
    "plan": "plan tier package product edition tariff",
    "channel": "channel source utm_source acquisition campaign medium came_from origin referrer",
    "sector": "sector industry vertical branch",
    "country": "country country_code iso_country nation land",
    "company_size": "company_size employees size headcount seats employee_count staff",
    "consent_profiling": "consent_profiling consent gdpr_consent opt_in",
    "updated_at": "updated_at modified_at last_modified changed_at updated last_update",
    "event_id": "event_id id uuid log_id activity_id hit_id",
    "user_id": "user_id user member_id person_id actor_id login_id",
    "session_id": "session_id session visit_id visit",
    "occurred_at": "occurred_at timestamp time ts event_time event_at created_at date happened_at logged_at",
    "received_at": "received_at ingested_at loaded_at arrived_at server_time synced_at",
    "event_name": "event_name event action name type activity_name activity event_type kind verb",
    "feature": "feature feature_name module area screen page",
    "value": "value amount quantity number duration",
    "properties": "properties props payload attributes metadata context data",
    "subscription_id": "subscription_id sub_id id order_id contract_id deal_id purchase_id",
    "mrr": "mrr monthly_revenue price amount revenue monthly_amount",
    "currency": "currency currency_code iso_currency cur ccy",
    "cancelled_at": "cancelled_at canceled_at ended_at churned_at end_date cancel_date",
}
OF_SUBSCRIPTIONS = {
    "started_at": "started_at paid_at converted_at subscribed_at purchased_at bought_at start_date created_at start"
}
"""Where the same column of the contract goes by other names."""


READ_BY: dict[type, str] = {
    Flag: "flag",
    Instant: "instant",
    Integer: "integer",
    Json: "json",
    Money: "number",
    Real: "number",
}
"""By which share of `Profile.reads_as` it is seen whether values can be of a type."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A column of a source, seen through a sample: the shares of its values that can be read as each type."""

    table: str
    column: str
    filled: float
    """Share of rows that have a value."""
    differing: float
    """Different values as a share of all, exact copies of rows aside: 1 where none comes twice."""
    distinct: int
    reads_as: Mapping[str, float]
    """Share of its values that are an `integer`, `number`, `instant`, `flag`, `json`, `code` of a country or of a currency."""
    overlap: Mapping[str, float]
    """For each `table.column` that may be the trial: the share of this column's values that are found there."""
    format: str = ""
    """strptime format by which the values are moments, where they are not ISO 8601."""

    @property
    def names_rows(self) -> bool:
        """Whether it can be a key: nearly every row has a value, and hardly any comes twice."""
        return self.differing >= ALMOST and self.filled >= ALMOST


@dataclass(frozen=True, slots=True)
class Choice:
    """What one column of the contract is taken from, how sure that is (0..1), and why."""

    column: str
    taken: Profile | None
    sure: float
    because: str
    constant: int | None = None
    derived: str = ""
    """SQL where no column says it."""

    @property
    def unsure(self) -> bool:
        """Whether a person has to look at it."""
        return self.sure < SURE


@dataclass(frozen=True, slots=True)
class Guess:
    """What one raw table is taken from; `of` is the table or file of the source, empty where none fits."""

    table: Table
    of: str
    choices: tuple[Choice, ...]
    because: str
    sure: float


def guess(profiles: Iterable[Profile]) -> tuple[Guess, ...]:
    """The best assignment of the source's tables to trials, events and subscriptions, and of their columns."""
    tables: dict[str, list[Profile]] = {}
    for profile in profiles:
        tables.setdefault(profile.table, []).append(profile)
    scores = {
        (table.name, name): _table_score(table, name, columns) for table in GUESSED for name, columns in tables.items()
    }
    chosen: dict[str, str] = {}
    for (wanted, of), score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        if wanted not in chosen and of not in chosen.values() and score >= LEAST_OF_TABLE:
            chosen[wanted] = of
    trials = chosen.get(TRIALS.name, "")
    shared = _shared([tables[chosen[t.name]] for t in GUESSED[1:] if t.name in chosen], tables.get(trials, []), trials)
    ids: dict[str, Choice] = {}
    guesses = []
    for table in GUESSED:
        name = chosen.get(table.name, "")
        columns = tables.get(name, [])
        choices = _columns(table, columns, trials, ids, shared) if name else ()
        if table == TRIALS:
            ids = {choice.column: choice for choice in choices}
        because = "the names of the table and its columns" if name else "no table of the source looks like it"
        guesses.append(Guess(table, name, choices, because, scores.get((table.name, name), 0.0)))
    return tuple(guesses)


def _table_score(table: Table, name: str, columns: list[Profile]) -> float:
    """How much a table looks like one of the contract: half by its name, half by the required columns it could give."""
    words = set(re.findall(r"[a-z]+", name.lower()))
    named = 1.0 if words & set(TABLE_WORDS[table.name].split()) else 0.0
    needed = [column for column in table.columns if not column.null and column.name not in {"trial_days", "account_id"}]
    found = [max((_fit(table, column, p) for p in columns), default=0.0) for column in needed]
    own = [c for c in table.columns if c.null]
    extra = [max((_fit(table, column, p) for p in columns), default=0.0) for column in own]
    return 0.35 * named + 0.5 * sum(found) / len(found) + 0.15 * min(1.0, sum(s for s in extra if s > SURE) / 3)


def _shared(others: Sequence[list[Profile]], columns: list[Profile], trials: str) -> dict[str, float]:
    """For each column of the table of trials: in what share of the `others` a column of its name holds its values."""
    return {
        own.column: sum(
            any(p.column == own.column and p.overlap.get(f"{trials}.{own.column}", 0.0) > SURE for p in other)
            for other in others
        )
        / max(len(others), 1)
        for own in columns
    }


def _columns(
    table: Table, columns: list[Profile], trials: str, ids: Mapping[str, Choice], shared: Mapping[str, float]
) -> tuple[Choice, ...]:
    """Each column of the contract takes what fits it best; one column of the source serves one, ids may serve two."""
    pairs = sorted(
        (
            (_score(table, column, profile, trials, ids, shared), column.name, profile)
            for column in table.columns
            for profile in columns
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2].column),
    )
    taken: dict[str, Choice] = {}
    used: set[str] = set()
    for score, column, profile in pairs:
        if column in taken or profile.column in used or score < LEAST:
            continue
        taken[column] = Choice(column, profile, min(score, 1.0), _because(table.column(column), profile, ids))
        used.add(profile.column)
    for declared in table.columns:
        if declared.name not in taken and not declared.null:
            by_values = _by_values(table, declared, [profile for profile in columns if profile.column not in used])
            if by_values is not None and by_values.taken is not None:
                taken[declared.name] = by_values
                used.add(by_values.taken.column)
    return tuple(taken.get(c.name) or _without(table, c, taken) for c in table.columns)


def _by_values(table: Table, column: Column, left: list[Profile]) -> Choice | None:
    """A needed column whose name nothing bears, by its values alone: what names its row, the moments that are left, or the words that recur."""
    if column.name in table.key and column.name != table.trial:
        keys = [p for p in left if p.differing == p.filled == 1 and _words(p.column)[-1] in OF_KEYS]
        return Choice(column.name, keys[0], LEAST, "no value comes twice") if keys else None
    if isinstance(column.type, Instant):
        moments = [profile for profile in left if profile.reads_as.get("instant", 0.0) > 0.9]
        return (
            Choice(column.name, moments[0], LEAST, "its values are moments, its name says nothing") if moments else None
        )
    if column.name == "event_name":
        words = [
            p
            for p in left
            if 1 < p.distinct <= MOST_WORDS and not p.names_rows and p.reads_as.get("number", 0.0) < LEAST
        ]
        return Choice(column.name, words[0], LEAST, "its values recur, its name says nothing") if words else None
    return None


def _without(table: Table, column: Column, taken: Mapping[str, Choice]) -> Choice:
    """What stands for a column that nothing fits: the trial's own id, a usual length, a made-up key, or nothing."""
    other = {"account_id": "trial_id", "trial_id": "account_id", "subscription_id": "trial_id"}.get(column.name, "")
    if other in taken and table in (TRIALS, SUBSCRIPTIONS):
        return Choice(column.name, taken[other].taken, 0.5, f"the same column as {other}: no other looks like it")
    if column.name == "trial_days":
        return Choice(column.name, None, 0.2, "no column says how long a trial is", constant=DAYS)
    if column.name == "event_id" and "trial_id" in taken:
        parts = [taken[c].taken for c in ("trial_id", "event_name", "occurred_at") if c in taken]
        sql = " || '/' || ".join('"' + p.column.replace('"', '""') + '"' for p in parts if p is not None)
        return Choice(column.name, None, 0.3, "no column is unique: made of trial, event and moment", derived=sql)
    return Choice(column.name, None, 1.0 if column.null else 0.0, "nothing looks like it")


def _score(
    table: Table,
    column: Column,
    profile: Profile,
    trials: str,
    ids: Mapping[str, Choice],
    shared: Mapping[str, float],
) -> float:
    fit = _fit(table, column, profile)
    if table == TRIALS and column.name == "trial_id" and profile.names_rows:
        return max(fit, 0.3 * fit + 0.6 * shared.get(profile.column, 0.0))
    trial = ids.get("trial_id")
    if column.name == table.trial and trial is not None and trial.taken is not None:
        return 0.3 * fit + 0.75 * profile.overlap.get(f"{trials}.{trial.taken.column}", 0.0)
    return fit


def _fit(table: Table, column: Column, profile: Profile) -> float:
    """How well a column of the source serves one of the contract, 0..1: its name times what its values can be."""
    named = _named(table, column.name, profile.column)
    return named * _readable(table, column, profile)


def _named(table: Table, column: str, given: str) -> float:
    words = (OF_SUBSCRIPTIONS if table == SUBSCRIPTIONS else {}).get(column) or SYNONYMS.get(column, column)
    plain = "_".join(_words(given))
    best = 0.0
    for place, word in enumerate(words.split()):
        same = 1.0 if plain == word else 0.9 if set(word.split("_")) <= set(plain.split("_")) else _alike(plain, word)
        best = max(best, same * (1 - 0.02 * place))
    return best


def _words(given: str) -> list[str]:
    """The words of a name, in small letters; at least one.

    >>> _words("SignupNo")
    ['signup', 'no']
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given).lower()
    return re.findall(r"[a-z0-9]+", apart) or [""]


def _alike(one: str, other: str) -> float:
    ratio = SequenceMatcher(None, one, other).ratio()
    return 0.8 * ratio if ratio > (0.7 if len(other) > 5 else 0.8) else 0.3 * ratio


def _readable(table: Table, column: Column, profile: Profile) -> float:
    """The share of the values that can be what is declared; a column that does not name its rows can be no key."""
    if column.name in table.key and len(table.key) == 1 and not profile.names_rows:
        return 0.1
    if column.name == "event_name" and profile.names_rows and profile.distinct > FEW:
        return 0.1
    if not column.null and profile.filled < 0.5:
        return 0.2
    if isinstance(column.type, Text) and column.type.pattern is not None:
        return profile.reads_as.get("country" if column.type.pattern == "[A-Z]{2}" else "currency", 0.0)
    word = READ_BY.get(type(column.type))
    return profile.reads_as.get(word, 0.0) if word else 1.0 - 0.7 * profile.reads_as.get("instant", 0.0)


def _because(column: Column, profile: Profile, ids: Mapping[str, Choice]) -> str:
    reasons = [f"its name is like {column.name}"]
    trial = ids.get("trial_id")
    if column.name == "trial_id" and trial is not None and profile.overlap:
        shared = max(profile.overlap.values())
        reasons = [f"{floor(100 * shared)}% of its values are trials"]
    if profile.differing == 1 and column.name.endswith("_id"):
        reasons.append("no value comes twice")
    if isinstance(column.type, Instant):
        reasons.append(f"its values are moments{f' ({profile.format})' if profile.format else ''}")
    return ", ".join(reasons)

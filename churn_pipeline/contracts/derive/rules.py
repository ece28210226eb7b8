"""Table -> row rules: SQL conditions that are true for a bad row, with what is allowed and what to do.

The conditions are over a *read row*: the columns of the table as typed values, `_misread` (a map from column to the
text that could not be read as its type, null where all could), `_wrong` (why a line could not be read at all, else
null) and, for tables whose records belong to a trial, `_trial_started` (start of the good trial of that id, else null).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from churn_pipeline.contracts.derive.reading import how
from churn_pipeline.contracts.spec import Column, Integer, Money, OneOf, Privacy, Real, Table, Text

READING = ("_row", "_file", "_line", "_raw", "_wrong", "_misread")
"""What travels with every read row beside the columns of its table."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be wrong with a row. `shows` is SQL for the offending value, empty where it must not be shown."""

    name: str
    column: str
    bad: str
    allowed: str
    do: str
    shows: str = ""


def row_rules(table: Table, *, read_at: datetime) -> tuple[Rule, ...]:
    """What can be judged from the row alone, in the order in which it counts."""
    return (
        UNREADABLE_LINE,
        *(_null(table, column) for column in table.columns if not column.null),
        *(_wrong_type(column) for column in table.columns),
        *(rule for column in table.columns for rule in _out_of_bounds(column)),
        *_ordered(table),
        *_in_the_future(table, read_at),
    )


def trial_rules(table: Table) -> tuple[Rule, ...]:
    """What can be judged from the row and its trial; none for tables whose records belong to no trial."""
    if table.trial is None:
        return ()
    unknown = Rule(
        UNKNOWN_TRIAL,
        table.trial,
        "_trial_started is null",
        "the trial_id of a good row of trials",
        "add the trial, or fix what is wrong with it (its own row may be quarantined)",
        f'"{table.trial}"',
    )
    moment = table.known_at[0]
    if moment == table.versioned_by:
        return (unknown,)  # the moment is that of the last change: the record itself may be older than the trial
    before = Rule(
        "before_trial",
        moment,
        f'"{moment}" < _trial_started',
        "the start of its trial or later",
        "fix the moment or the start of the trial; leave out what happened before the trial",
        f'"{moment}"',
    )
    return (unknown, before)


UNKNOWN_TRIAL = "unknown_trial"
"""The rule that a record breaks whose trial is not there, or not yet."""
UNREADABLE_LINE = Rule(
    "unreadable_line",
    "",
    "_wrong is not null",
    "as many fields as the header has, every quote closed, in the encoding of the file (UTF-8 unless mapped)",
    "fix the line, or set `delimiter` or `encoding` in the mapping",
    "_wrong",
)
DUPLICATE_KEY = Rule(
    "duplicate_key",
    "",
    "",
    "one content for one key; the first known is kept, and of versioned tables every newer version",
    "give each record a key of its own, or a later version",
)
CONFLICTS_WITH_KNOWN = Rule(
    "conflicts_with_known",
    "",
    "",
    "the content that was kept before under this key, or a newer version that leaves alone what never changes",
    "leave the record as it was, or give it a later version (tables with updated_at); where the mapping was changed on purpose, "
    "put a fresh reading in the place of all that has landed: churn source reland",
)


def all_rules(table: Table, *, read_at: datetime) -> tuple[Rule, ...]:
    """Every rule a row of the table can break, in the order in which it counts."""
    return (*row_rules(table, read_at=read_at), *trial_rules(table), DUPLICATE_KEY, CONFLICTS_WITH_KNOWN)


def _null(table: Table, column: Column) -> Rule:
    return Rule(
        "missing_key" if column.name in table.key else f"null_{column.name}",
        column.name,
        f"\"{column.name}\" is null and _misread['{column.name}'] is null",
        "a value",
        "fill it in, or leave the row out",
    )


def _wrong_type(column: Column) -> Rule:
    text = f"_misread['{column.name}']"
    return Rule(
        f"wrong_type_{column.name}",
        column.name,
        f"{text} is not null",
        how(column.type),
        "fix the value, or say in the mapping how to read it (`format`, `cast` or `sql`)",
        "" if column.privacy is Privacy.PERSONAL else text,
    )


def _out_of_bounds(column: Column) -> Iterator[Rule]:
    value = f'"{column.name}"'
    broken, allowed = bounds(column, value)
    if broken:
        shows = "" if column.privacy is Privacy.PERSONAL else f"left({value}::varchar, 100)"
        do = "fix the value, or map it to an allowed one (`sql`)"
        yield Rule(f"out_of_bounds_{column.name}", column.name, broken, allowed, do, shows)


def bounds(column: Column, value: str) -> tuple[str, str]:
    """SQL that is true where `value` is outside what the column allows, and what it allows in words; empty if anything goes."""
    match column.type:
        case Text(pattern=str(pattern)):
            literal = pattern.replace("'", "''")
            return f"not regexp_full_match({value}, '{literal}')", f"texts of the shape {pattern}"
        case Text(low=low, high=high):
            return _range(f"length({value})", low or None, high, "characters")
        case Integer(low=low, high=high) | Real(low=low, high=high):
            return _range(value, low, high, column.unit)
        case Money(low=low):
            return _range(value, low, None, column.unit)
        case OneOf(words=words):
            listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
            return f"{value} not in ({listed})", "one of " + ", ".join(words)
    return "", ""


def _range(value: str, low: float | None, high: float | None, unit: str) -> tuple[str, str]:
    beyond = [f"{value} < {low}"] * (low is not None) + [f"{value} > {high}"] * (high is not None)
    if low is not None and high is not None:
        words = f"{low} to {high} {unit}"
    else:
        words = f"at least {low} {unit}" if low is not None else f"at most {high} {unit}"
    return " or ".join(beyond), words.strip() if beyond else ""


def _ordered(table: Table) -> Iterator[Rule]:
    for first, second in table.ordered:
        yield Rule(
            f"{first}_after_{second}",
            first,
            f'"{first}" > "{second}"',
            f"{first} no later than {second}",
            "fix the clock or the time zone of one of them",
            f'"{first}" || \' after \' || "{second}"',
        )


def _in_the_future(table: Table, read_at: datetime) -> Iterator[Rule]:
    moments = dict.fromkeys((*table.known_at, *((table.versioned_by,) if table.versioned_by else ())))
    if not moments:
        return
    latest = "greatest(" + ", ".join(f'"{moment}"' for moment in moments) + ")"
    yield Rule(
        "in_the_future",
        table.known_at[0],
        f"{latest} > timestamptz '{read_at.isoformat()}'",
        "moments up to the reading of the source",
        "fix the moment, or read the source again once it has come",
        latest,
    )

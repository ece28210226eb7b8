"""What is expected of the newest day of a table, by the days before it, and what came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.capabilities.validation.columns import Change, changed_columns
from churn_pipeline.capabilities.validation.expected import Range, expected_age, expected_count, expected_share
from churn_pipeline.capabilities.validation.history import History, history_of
from churn_pipeline.contracts.analytics import DATA_EXPECTATIONS
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import RAW_TABLES
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Days = NDArray[np.float64]

BROKEN = """
select words, verdict from data_expectations where as_of = $1 and verdict in ('warn', 'block')
order by verdict = 'warn', table_name, kind, subject
"""
LEAST_DAYS = 28
"""Four of each weekday: with fewer days before it nothing is expected of a day."""
PLENTY = 20
"""Records a day from which on nothing at all, or nothing but nulls, cannot be chance."""
EMPTY, FULL = 0.95, 0.05
"""Null rates of a column that is empty, and of one that is filled."""
OFTEN = 10
"""Records a day in which a value has to come for its loss to be noticed."""
LOST = 0.5
"""A value counts as lost below that part of what is expected of it."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a table and what came. `observed` is null where it cannot be said."""

    table: str
    kind: str
    subject: str
    observed: float | None
    range: Range
    verdict: str
    words: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The expectations of a day that were broken, in words, and whether any of them blocks."""

    words: tuple[str, ...]
    blocks: bool

    def __str__(self) -> str:
        """One line each."""
        return "\n".join(self.words) or "every table is as the days before it"


@dataclass(frozen=True, slots=True)
class _Test:
    """Something that can be expected. `expect` gives the range at a false-alarm rate; `matters` whether breaking it does."""

    kind: str
    subject: str
    observed: float
    expect: Callable[[float], Range]
    side: int
    """-1: too little is a fault, 1: too much is, 0: both are."""
    matters: bool
    extreme: bool
    says: str


def expectations(lake: Lake, *, as_of: datetime, settings: Settings) -> tuple[Expectation, ...]:
    """Judge the newest day before `as_of` of every raw table by the days before it, as staged and as landed.

    Raises:
        LakeError: the tables were not staged for that day.
    """
    found: list[Expectation] = []
    for table in RAW_TABLES:
        found += _columns(changed_columns(lake, table, as_of), settings.expectation_levels)
        history = history_of(lake, table, as_of=as_of, window_days=settings.expectation_window_days)
        if history is not None:
            found += judged(
                history,
                false_alarm=settings.expectation_false_alarm,
                min_shift=settings.expectation_min_shift,
                levels=settings.expectation_levels,
            )
    return tuple(found)


def _columns(changes: Iterable[Change], levels: Mapping[str, str]) -> Iterator[Expectation]:
    level = levels.get("columns", "warn")
    for change in changes:
        if level != "off":
            nothing = Range(np.nan, np.nan, 1)
            yield Expectation(change.table, "columns", change.column[:500], None, nothing, level, str(change))


def judged(
    history: History, *, false_alarm: float, min_shift: float, levels: Mapping[str, str]
) -> tuple[Expectation, ...]:
    """Every expectation of the last day of a history. If nothing changed, any is broken with probability `false_alarm` at most.

    The rate is divided by the number of expectations (Bonferroni). Kinds that `levels` switches off are not judged.
    """
    days = len(history.records) - 1
    if days < LEAST_DAYS:
        return (_learning(history.table, days),)
    tests = [test for test in _tests(history, min_shift) if levels.get(test.kind, "warn") != "off"]
    return tuple(_judge(history.table, test, false_alarm / len(tests), levels) for test in tests)


def _learning(table: str, days: int) -> Expectation:
    words = f"{table}: {days} days of history; from {LEAST_DAYS} on something is expected of the next"
    return Expectation(table, "volume", "", None, Range(np.nan, np.nan, days), "learning", words)


def _judge(table: str, test: _Test, false_alarm: float, levels: Mapping[str, str]) -> Expectation:
    one_sided = test.kind != "freshness" and test.side != 0
    reach = test.expect(2 * false_alarm if one_sided else false_alarm)
    reach = replace(reach, low=reach.low if test.side <= 0 else -np.inf, high=reach.high if test.side >= 0 else np.inf)
    verdict = "as_expected"
    if reach.beyond(test.observed) and test.matters:
        verdict = "block" if levels.get(test.kind) == "block" and test.extreme else "warn"
    words = f"{table}: {test.says.format(observed=_said(test, test.observed))}; {_between(test, reach)}, by {reach.days} days"
    return Expectation(table, test.kind, test.subject, test.observed, reach, verdict, words)


def _said(test: _Test, value: float) -> str:
    return f"{value:,.0f}" if test.kind == "volume" else f"{value:,.1f}" if test.kind == "freshness" else f"{value:.1%}"


def _between(test: _Test, reach: Range) -> str:
    low, high = (_said(test, end) for end in (reach.low, reach.high))
    return {-1: f"at least {low} expected", 0: f"{low} to {high} expected", 1: f"at most {high} expected"}[test.side]


def _tests(history: History, min_shift: float) -> Iterator[_Test]:
    yield _volume(history)
    if np.isfinite(history.ages[-LEAST_DAYS:]).all():
        yield _freshness(history)
    if history.late is not None and history.records[-1]:
        says = "{observed} came more than a day late"
        yield _share("late_share", "", history.late, history.records, 1, says, min_shift=min_shift)
    if not history.attributes[-1] or history.attributes[:-1].sum() < PLENTY:
        return
    for column, nulls in history.nulls.items():
        says = f"{column} is null in {{observed}} of the records"
        yield _share("null_rate", column, nulls, history.attributes, 0, says, min_shift=min_shift)
    for column, values in history.values.items():
        yield from _values(history, column, values)


def _volume(history: History) -> _Test:
    counts, today = history.records[:-1], float(history.records[-1])
    same_weekday = counts[::-1][6::7]
    return _Test(
        "volume",
        "",
        today,
        lambda rate: expected_count(counts, false_alarm=rate),
        0,
        True,
        today == 0 and bool(same_weekday.min() >= PLENTY),
        "{observed} records became known on the newest day",
    )


def _freshness(history: History) -> _Test:
    ages = history.ages[:-1][np.isfinite(history.ages[:-1])]
    return _Test(
        "freshness",
        "",
        float(history.ages[-1]),
        lambda rate: expected_age(ages, false_alarm=rate),
        1,
        True,
        True,
        "the newest record is {observed} hours old",
    )


def _share(
    kind: str,
    subject: str,
    hits: Days,
    totals: Days,
    side: int,
    says: str,
    *,
    min_shift: float = 0,
    matters: bool = True,
) -> _Test:
    of = int(totals[-1])
    observed = float(hits[-1] / of)
    usual = float(hits[:-1].sum() / totals[:-1].sum()) if totals[:-1].sum() else 0.0
    emptied = observed >= EMPTY and usual <= FULL and of >= PLENTY
    return _Test(
        kind,
        subject,
        observed,
        lambda rate: expected_share(hits[:-1], totals[:-1], of=of, false_alarm=rate),
        side,
        matters and abs(observed - usual) >= min_shift,
        emptied if kind == "null_rate" else True,
        says,
    )


def _values(history: History, column: str, values: Mapping[str, Days]) -> Iterator[_Test]:
    """That new values come, and that one which comes every day is lost."""
    stacked = np.array(list(values.values()))
    firsts = stacked.astype(bool).argmax(axis=1)
    totals = stacked.sum(axis=0)
    # a value is new on its first day; in the first half of the window every value still is
    half = len(totals) // 2
    new = np.array([stacked[firsts == day, day].sum() for day in range(len(totals))])
    if totals[-1] and totals[half:-1].sum():
        words = ", ".join(
            sorted(word for word, first in zip(values, firsts, strict=True) if first == len(totals) - 1)[:3]
        )
        says = f"{{observed}} of the records have a new {column}" + (f" ({words})" if words else "")
        yield _share("new_values", column, new[half:], totals[half:], 1, says)
    for word, counts in values.items():
        expected = counts[:-1].sum() / totals[:-1].sum() * totals[-1] if totals[:-1].sum() else 0.0
        if expected >= OFTEN:
            says = f"{column} is {word} in {{observed}} of the records"
            lost = bool(counts[-1] < LOST * expected)
            yield _share("lost_value", f"{column}={word}"[:500], counts, totals, -1, says, matters=lost)


def rows_of(found: Iterable[Expectation], *, as_of: datetime, run_id: str) -> pa.Table:
    """Expectations as rows of data_expectations."""
    import pyarrow as pa

    def end(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    rows = [
        {
            "as_of": as_of,
            "table_name": e.table,
            "kind": e.kind,
            "subject": e.subject,
            "observed": e.observed,
            "low": end(e.range.low),
            "high": end(e.range.high),
            "days": e.range.days,
            "verdict": e.verdict,
            "words": e.words[:2000],
            "run_id": run_id,
        }
        for e in found
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(DATA_EXPECTATIONS))


def write_expectations(
    lake: Lake, warehouse: Warehouse, *, as_of: datetime, settings: Settings, run_id: str
) -> tuple[Expectation, ...]:
    """Judge the newest day of every raw table, write what was expected and what came as the day's rows, and give it."""
    found = expectations(lake, as_of=as_of, settings=settings)
    warehouse.replace(DATA_EXPECTATIONS, rows_of(found, as_of=as_of, run_id=run_id), where={"as_of": as_of})
    return found


def read_broken(warehouse: Warehouse, *, as_of: datetime) -> Broken:
    """What came otherwise than expected on a day, what blocks first."""
    rows = warehouse.read(BROKEN, [as_of]).to_pylist()
    blocks = [row["words"] for row in rows if row["verdict"] == "block"]
    return Broken(tuple(row["words"] for row in rows), bool(blocks))

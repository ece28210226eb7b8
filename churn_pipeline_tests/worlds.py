"""Small made-up businesses for property tests: a handful of trials and whatever happened to them."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pyarrow as pa
from hypothesis import strategies as st

from churn_pipeline.adapters.engine import Engine
from churn_pipeline.adapters.lake import Lake
from churn_pipeline.contracts.derive.arrow import arrow_schema
from churn_pipeline.contracts.raw import ASSIGNMENTS, EVENTS, INDICATORS, RAW_TABLES, SUBSCRIPTIONS, TOUCHES, TRIALS
from churn_pipeline.contracts.spec import Table

OF_TRIALS = (TRIALS, EVENTS, SUBSCRIPTIONS, TOUCHES, ASSIGNMENTS)
BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
Row = dict[str, Any]


def tried(worlds: int) -> hypothesis.settings:
    """How many worlds (or `several` of them at once) a property is tried on: as many as said here, or as CHURN_TEST_WORLDS says."""
    return hypothesis.settings(max_examples=int(os.environ.get("CHURN_TEST_WORLDS", worlds)), deadline=None)


def seeds(crowds: int) -> range:
    """Seeds of the crowds a property is tried on: as many as said here, or a tenth of CHURN_TEST_WORLDS where that is more."""
    return range(max(crowds, int(os.environ.get("CHURN_TEST_WORLDS", 0)) // 10))


@dataclass(frozen=True)
class SmallWorld:
    """The rows of each raw table, as a source would hold them."""

    trials: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
    subscriptions: tuple[Row, ...] = ()
    touches: tuple[Row, ...] = ()
    assignments: tuple[Row, ...] = ()
    indicators: tuple[Row, ...] = ()

    def rows(self, table: Table) -> tuple[Row, ...]:
        """The rows of a raw table (none where this world has none)."""
        return getattr(self, table.name, ())

    def known_before(self, day: datetime) -> SmallWorld:
        """The same world as it stood just before `day`: every record known at or after it is gone."""
        return replace(
            self,
            **{
                table.name: tuple(row for row in self.rows(table) if known(table, row) < day)
                for table in (*OF_TRIALS, INDICATORS)
            },
        )


def known(table: Table, row: Row) -> datetime:
    """When a row became known: the latest of its moments that are not null, its version included."""
    seen: list[datetime] = [row[c] for c in moments(table) if row.get(c) is not None]
    return max(seen)


def arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with the table's schema; what a row does not name is null."""
    schema = arrow_schema(table)
    return pa.Table.from_pylist([{c: row.get(c) for c in table.names} for row in rows], schema=schema)


class RememberingLake(Lake):
    """A lake whose raw records are in memory: the same views over them, without the files (property tests are many)."""

    def history(self, connection: duckdb.DuckDBPyConnection, table: Table, *, view: str) -> None:
        """Create `view` over the table that `remembered` has registered."""
        rows = f"select *, cast(coalesce(greatest({', '.join(moments(table))}), '1970-01-01') as date) as day"
        bucket = f"cast(md5_number_lower({table.trial or table.key[0]}) % {self.buckets} as bigint) as bucket"
        connection.execute(f"create or replace temp view {view} as {rows}, {bucket} from _{table.name}")


def moments(table: Table) -> tuple[str, ...]:
    """The columns that say when a version of a record became known."""
    return (*table.known_at, *((table.versioned_by,) if table.versioned_by else ()))


@contextmanager
def remembered(world: SmallWorld, *, buckets: int = 1) -> Iterator[tuple[Lake, Any]]:
    """The world as a lake in memory, and a connection to it."""
    lake = RememberingLake(Path("nowhere"), Engine("512MB", 1, Path(tempfile.gettempdir())), buckets=buckets)
    with lake.engine.connection() as connection:
        for table in RAW_TABLES:
            connection.register(f"_{table.name}", arrow(table, world.rows(table)))
        yield lake, connection


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """What a query gives, through a temporary table `answer`: asked as a relation it would be bound once more, for a third of the time where rows are few."""
    connection.execute(f"create or replace temp table answer as {query}")
    return connection.sql("from answer").to_arrow_table()


@contextmanager
def landed(world: SmallWorld, folder: Path, *, buckets: int = 1, batches: int = 1) -> Iterator[tuple[Lake, Any]]:
    """A lake in `folder` into which the world has landed, in `batches` batches, and a connection to it."""
    lake = Lake(folder / "lake", Engine("512MB", 1, folder / "spill"), buckets=buckets)
    with lake.engine.connection() as connection:
        for table in RAW_TABLES:
            rows = world.rows(table)
            for batch in range(batches):
                land(lake, connection, table, rows[batch::batches])
        yield lake, connection


def land(lake: Lake, connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row]) -> None:
    """Land rows of one table."""
    if rows:
        connection.register("_batch", arrow(table, rows))
        lake.land(connection, table, "_batch")
        connection.unregister("_batch")


def _minutes(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def worlds(draw: st.DrawFn) -> SmallWorld:
    """A few trials within four weeks, with events (some late), touches, arms and conversions."""
    trials: list[Row] = [
        {
            "trial_id": f"t{i}",
            "account_id": f"a{i}",
            "started_at": BEGIN + draw(_minutes(0, 60 * 24 * 14)),
            "trial_days": draw(st.sampled_from([3, 7, 14])),
            "plan": draw(st.sampled_from([None, "basic", "pro"])),
            "sector": draw(st.sampled_from([None, "health", "retail"])),
            "company_size": draw(st.sampled_from([None, 5, 500])),
        }
        for i in range(draw(st.integers(1, 4)))
    ]
    ids = st.sampled_from(trials)
    events: list[Row] = []
    touches: list[Row] = []
    assignments: list[Row] = []
    subscriptions: list[Row] = []
    for i in range(draw(st.integers(0, 25))):
        trial = draw(ids)
        at = trial["started_at"] + draw(_minutes(0, 60 * 24 * 16))
        events.append(
            {
                "event_id": f"e{i}",
                "trial_id": trial["trial_id"],
                "user_id": draw(st.sampled_from([None, "u1", "u2"])),
                "session_id": draw(st.sampled_from([None, "s1", "s2", "s3"])),
                "occurred_at": at,
                "received_at": draw(st.one_of(st.none(), _minutes(0, 60 * 48).map(at.__add__))),
                "event_name": draw(st.sampled_from(["login", "feature_used", "invite_sent"])),
                "feature": draw(st.sampled_from([None, "reports", "it's {odd}"])),
                "value": draw(st.sampled_from([None, 0.1, 0.2, 0.7, -2.3, 1e9])),
            }
        )
    for i in range(draw(st.integers(0, 3))):
        trial = draw(ids)
        sent = trial["started_at"] + draw(_minutes(0, 60 * 24 * 16))
        touches.append({"touch_id": f"c{i}", "trial_id": trial["trial_id"], "kind": "email", "sent_at": sent})
        assignments.append(
            {"experiment_id": f"x{i}", "trial_id": trial["trial_id"], "arm": "control", "assigned_at": sent}
        )
    for trial in trials:
        if draw(st.booleans()):
            at = trial["started_at"] + draw(_minutes(1, 60 * 24 * 25))
            subscriptions.append(
                {"subscription_id": f"s-{trial['trial_id']}", "trial_id": trial["trial_id"], "started_at": at}
            )
    for trial in list(trials):
        for change in range(draw(st.integers(0, 2))):
            later = {
                "updated_at": trial["started_at"] + draw(_minutes(1, 60 * 24 * 30)) + timedelta(seconds=change + 1),
                "plan": draw(st.sampled_from([None, "basic", "pro", "paid"])),
                "sector": draw(st.sampled_from([None, "health", "retail"])),
                "company_size": draw(st.sampled_from([None, 7, 700])),
            }
            trials.append({**trial, **later})
    return SmallWorld(
        tuple(trials), tuple(events), tuple(subscriptions), tuple(touches), tuple(assignments), draw(publications())
    )


@st.composite
def several(draw: st.DrawFn) -> SmallWorld:
    """Up to six such worlds as one business: a query of looks, most of whose time is its plan, takes hardly longer for six than for one."""
    found = draw(st.lists(worlds(), min_size=1, max_size=6))
    own = [
        replace(world, **{of.name: _renamed(world.rows(of), f"w{n}-") for of in OF_TRIALS})
        for n, world in enumerate(found)
    ]
    rows = {of.name: tuple(row for world in own for row in world.rows(of)) for of in OF_TRIALS}
    identity = (*INDICATORS.key, "published_at")
    published = {tuple(row[c] for c in identity): row for world in found for row in world.indicators}
    return SmallWorld(**rows, indicators=tuple(published.values()))


def _renamed(rows: Sequence[Row], prefix: str) -> tuple[Row, ...]:
    """Rows whose ids nobody else has."""
    ids = {name for of in OF_TRIALS for name in of.names if name.endswith("_id")} - {"user_id", "session_id"}
    return tuple(
        {name: f"{prefix}{value}" if name in ids and value is not None else value for name, value in row.items()}
        for row in rows
    )


@st.composite
def publications(draw: st.DrawFn) -> tuple[Row, ...]:
    """Indicators of two sectors over three months, some revised, some of them published at a midnight."""
    found = {}
    for _ in range(draw(st.integers(0, 12))):
        moment = BEGIN + draw(st.one_of(_minutes(0, 60 * 24 * 35), st.integers(0, 35).map(lambda n: timedelta(days=n))))
        row = {
            "sector": draw(st.sampled_from(["health", "retail"])),
            "indicator": draw(st.sampled_from(["climate", "it's {odd}"])),
            "period_start": BEGIN - timedelta(days=30 * draw(st.integers(1, 3))),
            "value": draw(st.sampled_from([-1.5, 0.0, 99.5, 1e300])),
            "published_at": moment,
        }
        found[tuple(row[c] for c in (*INDICATORS.key, "published_at"))] = row
    return tuple(found.values())


def days() -> st.SearchStrategy[datetime]:
    """Midnights at which the small worlds are under way."""
    return st.integers(1, 35).map(lambda day: BEGIN + timedelta(days=day))


NAMES, USED = ("login", "invite_sent", "export"), ("reports", "tasks", "it's {odd}")


def crowd(
    seed: int, *, trials: int = 40, events: int = 15, names: Sequence[str] = NAMES, used: Sequence[str] = USED
) -> SmallWorld:
    """Many trials at once, drawn by seed, with much that happens, arrives or changes exactly at a midnight."""
    chance = random.Random(seed)

    def moment(after: datetime, days: int) -> datetime:
        at = after + timedelta(minutes=chance.randrange(1, 60 * 24 * days))
        return at if chance.random() < 0.7 else max(after, at.replace(hour=0, minute=0))

    def late(at: datetime) -> datetime | None:
        return chance.choice([None, at, moment(at, 1), moment(at, 3)])

    ids = [f"t{n}" for n in range(trials)]
    starts = {trial: moment(BEGIN, 14) for trial in ids}
    segment: dict[str, list[Any]] = {
        "plan": ["basic", "pro", None],
        "sector": ["health", "retail", None],
        "company_size": [5, 500, None],
    }
    versions: list[Row] = [
        {"trial_id": t, "account_id": f"a-{t}", "started_at": starts[t], "trial_days": chance.choice([3, 7, 14])}
        for t in ids
    ]
    for first in list(versions):
        first |= {name: chance.choice(values) for name, values in segment.items()}
        changes = {moment(starts[first["trial_id"]], 16) for _ in range(chance.randrange(3))}
        versions += [
            {
                **first,
                "updated_at": at,
                "plan": chance.choice(["pro", "paid"]),
                "sector": chance.choice(["health", "x"]),
            }
            for at in sorted(changes)
        ]
    done: list[Row] = []
    for number in range(trials * events):
        trial = chance.choice(ids)
        at = moment(starts[trial], 16)
        done.append(
            {
                "event_id": f"e{number}",
                "trial_id": trial,
                "user_id": chance.choice([None, "u1", "u2", "u3"]),
                "session_id": chance.choice([None, f"s{at.day}", "s"]),
                "occurred_at": at,
                "received_at": late(at),
                "event_name": chance.choice(names),
                "feature": chance.choice([None, *used]),
                "value": chance.choice([None, 0.1, -2.3, 1e9]),
            }
        )
    acts = [(n, chance.choice(ids)) for n in range(trials)]
    sent = [(n, trial, moment(starts[trial], 16)) for n, trial in acts]
    return SmallWorld(
        tuple(versions),
        tuple(done),
        touches=tuple({"touch_id": f"c{n}", "trial_id": t, "kind": "email", "sent_at": at} for n, t, at in sent),
        assignments=tuple(
            {"experiment_id": f"x{n}", "trial_id": t, "arm": "control", "assigned_at": at} for n, t, at in sent
        ),
        indicators=tuple(
            {
                "sector": sector,
                "indicator": "climate",
                "period_start": BEGIN + timedelta(days=day - 10),
                "value": chance.random(),
                "published_at": BEGIN + timedelta(days=day + later),
            }
            for sector in ("health", "retail", "x")
            for day in range(0, 30, 3)
            for later in (0, 2)
        ),
    )

"""Jobs started by hand: in this process, one writer at a time, with progress and a summary at the end."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.cli.environment import leaving_nothing_empty
from churn_pipeline.cli.feature_table import day_of_table
from churn_pipeline.cli.say import say
from churn_pipeline.cli.source import require_records
from churn_pipeline.cli.summary import command, named, say_run, say_scored
from churn_pipeline.core.clock import midnight, midnight_after
from churn_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg


class RunFailed(Exception):  # noqa: N818 - what a command ends with, not a fault of the program
    """A run ended red; says which step or check, and what it said."""


def run_everything(settings: Settings, *, as_of: str | None, as_json: bool) -> None:
    """The whole chain as of a day, then what a person wants to know of it."""
    day = chosen_day(settings, as_of)
    _say_nothing_newer(settings, day)
    execute(settings, "everything", [day])
    say_run(settings, midnight(day), as_json=as_json)


def retrain_model(settings: Settings, *, as_of: str | None, as_json: bool) -> None:
    """A challenger as of a day, then the verdict."""
    day = chosen_day(settings, as_of)
    _say_nothing_newer(settings, day)
    execute(settings, "retrain", [day])
    say_run(settings, midnight(day), as_json=as_json, scored=False)


def score_days(settings: Settings, *, first: str, last: str, as_json: bool) -> None:
    """Score days as they were known then, the oldest first, then how many trials on each."""
    days = list(_days(parsed_day(first), parsed_day(last)))
    _say_nothing_newer(settings, days[-1])
    execute(settings, "rescore", days)
    say_scored(settings, [midnight(day) for day in days], as_json=as_json)


def _say_nothing_newer(settings: Settings, day: date) -> None:
    """Say so where the simulated business has ended before a day."""
    if settings.simulated and day > settings.demo_until:
        say(
            f"the simulated business ends on {settings.demo_until} (setting demo_until): as of {day} there is no newer record to "
            "learn from or to score",
            to=sys.stderr,
        )


def chosen_day(settings: Settings, as_of: str | None) -> date:
    """The day asked for; else the one that begins at the midnight after the newest known record.

    Raises:
        RunFailed: the text is no day, the source holds no record, or a mapping has no source to map.
        SourceError: there is no such folder, or nothing in it is called like a raw table. Nothing is made under its name.
    """
    require_records(settings)
    if settings.mapping is not None and settings.simulated:
        raise RunFailed(f"{settings.mapping.name} maps a source, and none is named.\n  do: add --source FOLDER")
    if as_of is not None:
        return parsed_day(as_of)
    if settings.simulated:
        return settings.demo_until
    with leaving_nothing_empty(settings):
        return _newest_day(settings)


def _newest_day(settings: Settings) -> date:
    if settings.of_feature_table:
        return day_of_table(settings, now=datetime.now(UTC))
    from churn_pipeline.adapters.sources import opened
    from churn_pipeline.capabilities.ingestion.description import newest_known
    from churn_pipeline.capabilities.ingestion.watermarks import watermarks

    warehouse = Warehouse.of(settings)
    warehouse.create()
    with opened(settings, watermarks(warehouse)) as source:
        newest = newest_known(Lake.of(settings), source, now=datetime.now(UTC))
    if newest is None:
        raise RunFailed(
            f"{source.named} holds no record.\n  do: {command()} source check{named(settings).replace(' --source', '')}, or name a day with --as-of"
        )
    return midnight_after(newest).date()


def execute(settings: Settings, job: str, days: list[date], *, config: Mapping[str, Any] | None = None) -> None:
    """Run a job for each day, one after the other, while no other writer does; `config` is Dagster's for its steps.

    Raises:
        Busy: another process writes; says which.
        KeyboardInterrupt: somebody interrupted it; says what.
        RunFailed: a step failed, a blocking check did not pass, or the database server went away.
    """
    from dagster import DagsterExecutionInterruptedError, DagsterInstance

    from churn_pipeline.definitions import build
    from churn_pipeline.orchestration.days import DAYS
    from churn_pipeline.orchestration.writers import BY_HAND, only_writer

    warnings.filterwarnings("ignore", category=DeprecationWarning)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    unknown = [str(day) for day in days if not DAYS.has_partition_key(str(day))]
    if unknown:
        raise RunFailed(
            f"{', '.join(unknown)} cannot be looked from.\n"
            f"  allowed: {DAYS.get_first_partition_key()} to {DAYS.get_last_partition_key()}, the next midnight (UTC)"
        )
    warehouse = Warehouse.of(settings)
    warehouse.create()
    # this process holds the lock itself, so the run gets the warehouse without asking for it again
    defs = build(settings, warehouse=warehouse)
    with _with_a_server(job), DagsterInstance.get() as instance, only_writer(warehouse, instance, run_id=None):
        for day in days:
            began = monotonic()
            sys.stderr.write(f"{job} as of {day} ({settings.business})\n")
            try:
                result = defs.resolve_job_def(job).execute_in_process(
                    partition_key=day.isoformat(),
                    instance=instance,
                    raise_on_error=False,
                    run_config={"loggers": {"console": {"config": {}}}, **(config or {})},
                    tags=BY_HAND,
                )
            except (DagsterExecutionInterruptedError, KeyboardInterrupt):
                raise KeyboardInterrupt(f"{job} as of {day}") from None
            if step := _interrupted(result):
                raise KeyboardInterrupt(f"{job} as of {day}, in step {step}")
            if not result.success:
                raise RunFailed(f"{job} as of {day} is red.\n{told(result)}")
            sys.stderr.write(f"{job} as of {day}: green in {monotonic() - began:.0f} s\n")


@contextmanager
def _with_a_server(job: str) -> Iterator[None]:
    """Say so in a sentence if the database server goes away: the run cannot even note its own failure then."""
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (DagsterPostgresException, OperationalError) as error:
        raise RunFailed(
            f"the database server went away while {job} was under way.\n"
            "  do: run it again; what was finished is kept, nothing is there by halves"
        ) from error


def _interrupted(result: dg.ExecuteInProcessResult) -> str:
    """The step at which Ctrl-C came; empty where none did."""
    from churn_pipeline.orchestration.progress import was_interrupted

    return next((str(event.step_key) for event in result.get_step_failure_events() if was_interrupted(event)), "")


def told(result: dg.ExecuteInProcessResult) -> str:
    """What the failed checks and steps of a run said; what several steps said stands there once."""
    lines = [
        f"  check {found.check_name} on {found.asset_key.to_user_string()}: {_words(found)}"
        for found in result.get_asset_check_evaluations()
        if not found.passed and found.severity.value == "ERROR"
    ]
    steps: dict[str, list[str]] = {}
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        cause = error.cause if error is not None and error.cause is not None else error
        message = cause.message.strip() if cause is not None else "no error was recorded"
        if "AssetCheck" not in message:
            steps.setdefault(message, []).append(str(event.step_key))
    lines += [f"  step {', '.join(names)}: {message}" for message, names in steps.items()]
    return "\n".join(lines)


def _words(found: dg.AssetCheckEvaluation) -> str:
    because = found.metadata.get("because")
    return str(because.value).strip("`\n") if because is not None else (found.description or "")


def _days(first: date, last: date) -> Iterator[date]:
    if last < first:
        raise RunFailed(f"--to {last} lies before --as-of {first}.\n  do: swap them")
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def parsed_day(text: str) -> date:
    """A day as written on the command line.

    Raises:
        RunFailed: the text is no day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RunFailed(
            f"{text!r} is no day.\n  allowed: YYYY-MM-DD\n  do: name a day of the calendar, such as 2026-11-01"
        ) from None

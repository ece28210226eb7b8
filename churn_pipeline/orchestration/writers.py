"""One writer at a time: two runs never write one day, whoever started them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

import dagster as dg

from churn_pipeline.adapters.lake import Lake
from churn_pipeline.adapters.locks import WRITERS, Busy
from churn_pipeline.adapters.warehouse import Warehouse
from churn_pipeline.settings import Settings

TAG = "churn/writes"
BY_MATERIALIZE = "__ASSET_JOB"
"""Job of a run that button Materialize starts: it carries no tag of ours, and writes all the same."""
BY_HAND = {"churn/started_by": "hand", ".dagster/repository": "__repository__@churn_pipeline"}
"""Tags of the runs that the command line starts in its own process; by the second the page of a job finds them."""
STARTED = dg.DagsterRunStatus.STARTED
BEGUN_BY_HAND = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, STARTED]
SECOND_LOOK_SECONDS = 3
PATIENCE_SECONDS = 3600
"""How long a run that a schedule or sensor launched waits for one that was started by hand."""


@contextmanager
def only_writer(
    warehouse: Warehouse, instance: dg.DagsterInstance, *, run_id: str | None, patience_seconds: float = 0
) -> Iterator[None]:
    """Hold the writers' lock while the block runs; it falls with the process, however that ends.

    Runs that are said to be under way and whose process was killed are marked as failed then. `run_id` is the run this
    process works for, if it was launched for one: it counts as alive from now on, also while it waits.

    Raises:
        Busy: another process writes, and did for as long as `patience_seconds`; says which.
    """
    until = monotonic() + patience_seconds
    with ExitStack() as held:
        if run_id is not None:
            # whoever buries the dead takes this lock for a moment, to see whether somebody holds it
            held.enter_context(_lock(warehouse, alive(run_id), until=max(until, monotonic() + SECOND_LOOK_SECONDS)))
        held.enter_context(_lock(warehouse, WRITERS, until=until))
        bury_the_dead(warehouse, instance)
        yield


@contextmanager
def _lock(warehouse: Warehouse, lock: str, *, until: float) -> Iterator[None]:
    """Hold a lock of the warehouse, and wait for it until a moment of the monotonic clock.

    Raises:
        Busy: another process held it all the while.
    """
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(warehouse.lock(lock))
                break
            except Busy:
                if monotonic() >= until:
                    raise
                sleep(min(1, SECOND_LOOK_SECONDS / 10))
        yield


def alive(run_id: str) -> str:
    """Name of the lock that the process of a launched run holds as long as it lives."""
    return f"run {run_id}"


def bury_the_dead(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    """Mark the writing runs whose process was killed as failed. To be called by whoever holds the writers' lock.

    A run started by hand is made while its process holds that lock, so none of them lives. A launched one lives if the
    lock of its name is held; it takes that lock moments after it is said to have started, so there is a second look.
    """
    by_hand = [run for run in _under_way(instance, BEGUN_BY_HAND) if BY_HAND.items() <= run.tags.items()]
    launched = [run for run in _under_way(instance, [STARTED]) if not BY_HAND.items() <= run.tags.items()]
    silent = [run for run in launched if not _lives(warehouse, run)]
    if silent:
        sleep(SECOND_LOOK_SECONDS)
    for run in [*by_hand, *(run for run in silent if not _lives(warehouse, run))]:
        now = instance.get_run_by_id(run.run_id)
        if now is not None and not now.is_finished:
            instance.report_run_failed(run, "The process of this run was killed.")


def _under_way(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> list[dg.DagsterRun]:
    runs = instance.get_runs(dg.RunsFilter(statuses=statuses))
    return [run for run in runs if TAG in run.tags or run.job_name.startswith(BY_MATERIALIZE)]


def _lives(warehouse: Warehouse, run: dg.DagsterRun) -> bool:
    try:
        with warehouse.lock(alive(run.run_id)):
            return False
    except Busy:
        return True


@dg.resource(
    required_resource_keys={"tables"}, description="The tables that people read; whoever has them is the only writer."
)
def writing_warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
    """The warehouse of a run that nobody started by hand, under the writers' lock from its first step to its last."""
    warehouse: Warehouse = context.resources.tables
    assert context.instance is not None
    with only_writer(
        warehouse,
        context.instance,
        run_id=context.run.run_id if context.run else None,
        patience_seconds=PATIENCE_SECONDS,
    ):
        yield warehouse


@dg.resource(
    required_resource_keys={"settings", "warehouse"},
    description="Records and datasets by day; whoever has them is the only writer.",
)
def writing_lake(context: dg.InitResourceContext) -> Lake:
    """The lake of a run. It needs the warehouse for the lock alone, which is taken once however much a run writes."""
    settings: Settings = context.resources.settings
    return Lake.of(settings)

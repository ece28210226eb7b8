"""One writer at a time: two runs never write one day, whoever started them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

import dagster as dg

from churn_pipeline.adapters.warehouse import Busy, Warehouse

LOCK = "writers"
TAG = "churn/writes"
PATIENCE_SECONDS = 3600
"""How long a run that a schedule or sensor launched waits for one that was started by hand."""


@contextmanager
def only_writer(
    warehouse: Warehouse, instance: dg.DagsterInstance, *, run_id: str | None, patience_seconds: float = 0
) -> Iterator[None]:
    """Hold the writers' lock while the block runs; it falls with the process, however that ends.

    Runs that are still said to be under way then are dead, for only the holder lives: they are marked as failed, except
    `run_id`, the holder's own.

    Raises:
        Busy: another process writes, and did for as long as `patience_seconds`; says which.
    """
    until = monotonic() + patience_seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(warehouse.lock(LOCK))
                break
            except Busy:
                if monotonic() >= until:
                    raise
                sleep(1)
        bury_the_dead(instance, except_run=run_id)
        yield


def bury_the_dead(instance: dg.DagsterInstance, *, except_run: str | None) -> None:
    """Mark every writing run that is said to be under way as failed: the process behind it was killed."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if run.run_id != except_run and TAG in run.tags:
            instance.report_run_failed(run, "The process of this run was killed.")


@dg.resource(
    required_resource_keys={"tables"}, description="The tables that people read; whoever has them is the only writer."
)
def writing_warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
    """The warehouse of a run that nobody started by hand, under the writers' lock from its first step to its last."""
    warehouse: Warehouse = context.resources.tables
    assert context.instance is not None
    with only_writer(warehouse, context.instance, run_id=context.run_id, patience_seconds=PATIENCE_SECONDS):
        yield warehouse
